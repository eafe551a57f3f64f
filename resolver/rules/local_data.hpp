// Options and hosts files → local data: the names that lictor answers itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/options/options_fwd.hpp"
#include "resolver/rules/followed_files.hpp"
#include "resolver/rules/synth_names.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::rules {

/// Not seeded: the keys are configured, not chosen by clients.
struct NameHasher {
    std::size_t operator()(const wire::Name& name) const { return static_cast<std::size_t>(wire::NameHash{}(name)); }
};
template <class T>
using NameMap = std::unordered_map<wire::Name, T, NameHasher>;

/// A name with its addresses, from hosts files, host-record, interface-name or dynamic-host. TTLs are in seconds.
struct LocalName {
    std::vector<Address> addresses;
    std::uint32_t ttl = 0;
    std::uint16_t source = 0;  ///< index into LocalData::sources
};
/// The names of one address, for PTR.
struct LocalPointer {
    std::vector<wire::Name> names;
    std::uint32_t ttl = 0;
    std::uint16_t source = 0;
};
/// A `cname=` line: the owner is the key of the table.
struct LocalAlias {
    wire::Name target;
    std::uint32_t ttl = 0;
};
struct LocalWildcard {  ///< `address=/d/…`: the domain d and all names below it
    std::vector<Address> addresses;
    bool null_v4 = false, null_v6 = false;  ///< `#`
    bool nxdomain = false;
    bool has_addresses() const { return !addresses.empty() || null_v4; }
};
/// A record from the configuration (txt-record, srv-host, …).
struct StaticRecord {
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::vector<std::uint8_t> data;  ///< wire form, names uncompressed
    wire::Name target;               ///< of MX and SRV, else the root: its local addresses go into ADDITIONAL
};
/// All tables by lower-case name. Immutable; shared by the workers through the Rules.
struct LocalData {
    std::vector<std::string> sources = {"config"};  ///< origins of names as the query log prints them: this, or the path of a hosts file
    NameMap<LocalName> names;                       ///< lower case
    NameMap<LocalAlias> aliases;
    NameMap<LocalWildcard> wildcards;
    NameMap<LocalWildcard> starred;        ///< address=/*d/…, by domain_key
    std::optional<LocalWildcard> dotless;  ///< address=//…: names without dots
    NameMap<LocalPointer> pointers;        ///< PTR, by reverse name
    NameMap<std::vector<StaticRecord>> records;
    std::vector<SynthNames> synth_names;  ///< synth-domain
    /// Hashes of the names above local names, in ascending order. They exist, also without records (RFC 4592 §2.2.2, RFC 8020).
    std::vector<std::uint64_t> above;
    bool self_mx = false;                 ///< selfmx: each name in `names` is its own MX; else `mx_target` is
    std::optional<wire::Name> mx_target;  ///< none: no MX is synthesized
};

/// Builds local data from the options and the hosts files. Lines for the log are appended to `notes`.
std::shared_ptr<const LocalData> make_local_data(const conf::Options& options, const FollowedFiles& files, std::vector<std::string>& notes);

/// True if local data has records of any type for exactly this name.
bool is_known_locally(const LocalData& data, const wire::Name& lower);
/// True if local data has a name below this one, or a domain (`address=`, `synth-domain`, `cname=*.`) with addresses for such names.
bool has_names_below(const LocalData& data, const wire::Name& lower);

}  // namespace lictor::rules
