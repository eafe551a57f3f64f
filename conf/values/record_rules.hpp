// Values of dnsmasq's options: static records, synthesized names, filters of upstream answers, EDNS data about the client. Each can be
// compared and printed (text_of in record_values.hpp and range_values.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"

namespace lictor::conf {

// Names in records: lower case, no trailing dot; a label may contain any printable ASCII and blanks (service instance names).

/// `txt-record=name[,text…]`: one string of at most 255 bytes for each text, longer ones divided; without a text one empty string.
struct TxtRecord {
    std::string name;
    std::vector<std::string> texts;
    bool operator==(const TxtRecord&) const = default;
};

/// `ptr-record=name[,target]`.
struct PtrRecord {
    std::string name;
    std::string target;  ///< empty: none given
    bool operator==(const PtrRecord&) const = default;
};

/// `srv-host=_service._proto[.domain][,target[,port[,priority[,weight]]]]`.
struct SrvRecord {
    std::string name;    ///< if it has only one dot, `domain` is appended when local data is built
    std::string target;  ///< empty: the service does not exist (target `.`)
    std::uint16_t port = 1, priority = 0, weight = 0;
    bool operator==(const SrvRecord&) const = default;
};

/// `mx-host=name[,target[,preference]]`.
struct MxRecord {
    std::string name;
    std::string target;  ///< empty: `mx-target`, else this host's name
    std::uint16_t preference = 1;
    bool operator==(const MxRecord&) const = default;
};

/// `naptr-record=name,order,preference,flags,service,regexp[,replacement]`.
struct NaptrRecord {
    std::string name;
    std::uint16_t order = 0, preference = 0;
    std::string flags, services, regexp;
    std::string replacement;  ///< empty: the root
    bool operator==(const NaptrRecord&) const = default;
};

/// `caa-record=name,flags,tag,value`.
struct CaaRecord {
    std::string name;
    std::uint8_t flags = 0;
    std::string tag, value;
    bool operator==(const CaaRecord&) const = default;
};

/// `dns-rr=name,type[,hex data]`.
struct RawRecord {
    std::string name;
    std::uint16_t type = 0;
    std::vector<std::uint8_t> data;
    bool operator==(const RawRecord&) const = default;
};

/// `interface-name=name,interface[/4|/6]`: the addresses of an interface under a name, and PTR.
struct InterfaceName {
    std::string name, interface;
    bool v4 = true, v6 = true;
    bool operator==(const InterfaceName&) const = default;
};

/// `dynamic-host=name,[v4],[v6],interface`: the host part given, the network part from the interface.
struct DynamicHost {
    std::string name;
    std::optional<Address> v4, v6;
    std::string interface;
    bool operator==(const DynamicHost&) const = default;
};

/// `domain=name[,range[,local]]`: the domain that `expand-hosts` appends, to all names or to those with an address in the range.
struct DomainRule {
    /// Which addresses get the domain: all, all with the domain of resolv.conf, those of a range, or those in the networks of an interface.
    enum class Scope { all, search, range, interface };
    std::string name;  ///< empty for Scope::search (`domain=#`: the first `search` word of resolv.conf)
    Scope scope = Scope::all;
    Address first, last;    ///< for Scope::range; both belong to the range
    std::string interface;  ///< Scope::interface: the networks of this interface
    bool operator==(const DomainRule&) const = default;
};

/// `synth-domain=domain,range[,prefix[*]]`: synthesized names, `prefix192-168-0-7.domain`; with the star `prefix7.domain`,
/// counted from the first address of the range.
struct SynthDomain {
    std::string domain;
    Address first, last;  ///< both belong to the range
    std::string prefix;
    bool counted = false;
    bool operator==(const SynthDomain&) const = default;
};

/// An address, or a network when `bits` is below 32 or 128.
struct Network {
    Address address;
    unsigned bits = 0;
    bool operator==(const Network&) const = default;
};

/// `alias=old[-end],new[,mask]`: replaces IPv4 addresses in upstream answers; the mask selects the network part, the host part is kept.
struct AddressTranslation {
    Address first, last;  ///< equal for a single address or network
    Address replacement;
    Address mask;
    bool operator==(const AddressTranslation&) const = default;
};

/// `add-subnet[=[v4/]bits[,[v6/]bits]]`: EDNS client subnet sent upstream.
struct ClientSubnet {
    std::optional<Address> v4, v6;  ///< sent instead of the client's own
    unsigned bits4 = 0, bits6 = 0;
    bool v4_given = false, v6_given = false;
    bool operator==(const ClientSubnet&) const = default;
};

/// `fast-dns-retry[=first[,total]]`.
struct FastRetry {
    milliseconds first{1000}, total{10000};
    bool operator==(const FastRetry&) const = default;
};

/// `local-service`: accepted without effect. On 0.0.0.0 and :: only on-link clients are answered in any case.
enum class LocalService { off, net, host };
/// `add-mac`: accepted without effect, because local clients have no hardware address.
enum class AddMac { off, raw, base64, text };
/// `log-queries`, in dnsmasq's format; `extra` begins each line with a serial number and the client.
enum class QueryLogging { off, plain, extra };
/// `log-format`.
enum class LogFormat { text, json };
/// `log-queries-only`: the queries that are logged. A query of any of these kinds gets one line.
struct QuerySelection {
    bool errors = false;
    std::uint32_t one_in = 0;   ///< 0: no samples
    std::uint32_t slow_ms = 0;  ///< 0: not by duration
    bool any() const { return errors || one_in != 0 || slow_ms != 0; }
    bool operator==(const QuerySelection&) const = default;
};

}  // namespace lictor::conf
