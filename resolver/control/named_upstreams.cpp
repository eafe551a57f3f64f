// A name keeps its last addresses while look-ups fail: they are more likely right than wrong.
#include "resolver/control/named_upstreams.hpp"

#include <algorithm>

#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"
#include "conf/options/options.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds while_unknown = seconds(1), while_known = seconds(30);

/// The upstreams and hosts that libc would use.
std::shared_ptr<const rules::Rules> system_rules(const std::vector<Endpoint>& own_endpoints) {
    rules::FollowedFiles files;
    disk::DiskFiles disk;
    for (const char* path : {"/etc/hosts", "/etc/resolv.conf"})
        if (auto text = disk.read(path))
            (path == std::string_view("/etc/hosts") ? files.hosts : files.resolv).push_back({path, std::move(text->text)});
    std::vector<std::string> ignored;
    conf::Options options;
    options.consul_http_addr.clear();
    return rules::make_rules(options, files, own_endpoints, ignored);
}

}  // namespace

NamedUpstreams::NamedUpstreams(loop::Loop& loop, Random& random, HostResolver& own, std::function<void()> changed)
    : system_(loop, random),
      own_(own),
      again_(loop, [this] { look_up(Names::all); }),
      soon_(loop, [this] { look_up(Names::without_address); }),
      report_(loop, std::move(changed)) {}

void NamedUpstreams::set_names(std::vector<std::string> names, const std::vector<Endpoint>& own_endpoints) {
    names_ = std::move(names);
    own_endpoints_ = own_endpoints;
    std::erase_if(addresses_, [&](const auto& row) { return std::find(names_.begin(), names_.end(), row.first) == names_.end(); });
    if (names_.empty()) return again_.stop();
    // On the next turn of the loop: the caller has yet to give `own_` its Rules.
    const bool fresh = std::any_of(names_.begin(), names_.end(), [&](const auto& name) { return !addresses_.contains(name); });
    if (fresh && !soon_.active()) soon_.start(microseconds(0));
    if (!again_.active()) again_.start(while_unknown);
}

bool NamedUpstreams::settled() const {
    const auto looked_up = [&](const std::string& name) {
        const auto failed = failed_.find(name);
        return addresses_.contains(name) || (failed != failed_.end() && failed->second);
    };
    return !report_.active() && std::all_of(names_.begin(), names_.end(), looked_up);
}

void NamedUpstreams::look_up(Names which) {
    if (names_.empty()) return;
    system_.adopt(system_rules(own_endpoints_));
    for (const auto& name : names_) {
        if (which == Names::without_address && addresses_.contains(name)) continue;
        if (name == "localhost") {
            found(name, {.v4 = std::vector{Address::v4(127, 0, 0, 1)}, .v6 = std::vector{*Address::parse("::1")}});
            continue;
        }
        system_.resolve(name, [this, name](const catalog::HostAnswer& answer) {
            if (answer.any()) return found(name, answer);
            own_.resolve(name, [this, name](const catalog::HostAnswer& other) { found(name, other); });
        });
    }
    const bool all = std::all_of(names_.begin(), names_.end(), [&](const auto& name) { return addresses_.contains(name); });
    if (which == Names::all) again_.start(all ? while_known : while_unknown);
}

void NamedUpstreams::found(const std::string& name, const catalog::HostAnswer& answer) {
    if (!answer.any()) {
        if (!std::exchange(failed_[name], true))
            log::warning("cannot resolve server name " + name +
                         (addresses_.contains(name) ? "; its last addresses are kept" : "; lictor tries again"));
        return;
    }
    failed_[name] = false;
    std::vector<Address> all = all_addresses(answer);
    // Servers rotate the order of addresses; only the set counts.
    std::sort(all.begin(), all.end());
    if (addresses_[name] == all) return;
    addresses_[name] = std::move(all);
    report_.start(microseconds(0));  // on the next turn: a HostResolver is on the call stack and must not get other Rules there
}

}  // namespace lictor::control
