// Setters and getters for dnsmasq's options that are neither plain flags, numbers nor texts. Included by the row lists.
#pragma once

#include "conf/option_access.hpp"
#include "conf/range_values.hpp"
#include "conf/record_values.hpp"

namespace lictor::access {

Fault set_local_service(const Setting& setting);
Texts get_local_service(const Options& options);
Fault add_reverse_server(const Setting& setting);
/// Rules whose domains may hold blanks.
template <auto Member>
Texts get_quoted_rules(const Options& options) {
    Texts out;
    for (const auto& rule : options.*Member) out.push_back(quoted(text_of(rule)));
    return out;
}

Fault add_server(const Setting& setting);
Fault add_host_record(const Setting& setting);
Fault set_forward_max(const Setting& setting);
Fault set_edns_packet_max(const Setting& setting);
Fault set_query_port(const Setting& setting);
Fault add_domain(const Setting& setting);
Fault add_rebind_domains(const Setting& setting);
Fault set_add_mac(const Setting& setting);
Texts get_add_mac(const Options& options);
Fault set_log_queries(const Setting& setting);
Texts get_log_queries(const Options& options);
Fault set_log_async(const Setting& setting);
Fault set_dumpmask(const Setting& setting);
Fault set_fast_retry(const Setting& setting);
Texts get_fast_retry(const Options& options);
Fault set_add_subnet(const Setting& setting);
Texts get_add_subnet(const Options& options);
Fault set_stale_cache(const Setting& setting);
Fault clear_0x20(const Setting& setting);

/// Names of record types, with commas.
Fault add_types(const Setting& setting, std::vector<std::uint16_t>& types);
Texts types_text(const std::vector<std::uint16_t>& types);
template <auto Member>
Fault add_types(const Setting& setting) { return add_types(setting, setting.options.*Member); }
template <auto Member>
Texts get_types(const Options& options) { return types_text(options.*Member); }

}  // namespace lictor::access
