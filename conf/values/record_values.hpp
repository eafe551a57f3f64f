// The grammar of dnsmasq's static records: txt-record, ptr-record, srv-host, mx-host, naptr-record, caa-record, dns-rr,
// interface-name, dynamic-host. Values come as `parse_line` gives them, since they are lists; `text_of` prints a value so that
// it parses to the same value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/result.hpp"
#include "conf/values/name_values.hpp"
#include "conf/values/record_rules.hpp"

namespace lictor::conf {

/// All parse_*: the form is at the struct (record_rules.hpp). Names are read by `parse_record_name`; numbers have 16 bits, CAA flags 8;
/// the data of TXT, CAA and raw records has at most 4096 bytes. An error contains the remedy.
Result<TxtRecord> parse_txt_record(std::string_view value);
Result<PtrRecord> parse_ptr_record(std::string_view value);
Result<SrvRecord> parse_srv_record(std::string_view value);
Result<MxRecord> parse_mx_record(std::string_view value);
Result<NaptrRecord> parse_naptr_record(std::string_view value);
Result<CaaRecord> parse_caa_record(std::string_view value);
Result<RawRecord> parse_raw_record(std::string_view value);
Result<InterfaceName> parse_interface_name(std::string_view value);
Result<DynamicHost> parse_dynamic_host(std::string_view value);

std::string text_of(const TxtRecord& record);
std::string text_of(const PtrRecord& record);
std::string text_of(const SrvRecord& record);
std::string text_of(const MxRecord& record);
std::string text_of(const NaptrRecord& record);
std::string text_of(const CaaRecord& record);
std::string text_of(const RawRecord& record);
std::string text_of(const InterfaceName& record);
std::string text_of(const DynamicHost& record);

/// The number of a record type named by its IANA mnemonic (any case) or number; nothing for 0 and for an unknown mnemonic.
std::optional<std::uint16_t> record_type(std::string_view text);
/// The mnemonic, or the number as text.
std::string record_type_text(std::uint16_t type);

}  // namespace lictor::conf
