// access(2) and the user database; nothing is opened, made or changed.
#include "resolver/preflight.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "conf/shadow_value.hpp"
#include "conf/shown.hpp"
#include "resolver/privileges.hpp"

namespace lictor {
namespace {

using Sentences = std::vector<std::string>;

std::string problem_with(std::string_view option, const std::string& path, int error) {
    return std::string(option) + ": " + shown(path, 200) + ": " + std::strerror(error);
}

/// `so`: what that means for lictor.
void must_be_readable(Sentences& out, std::string_view option, const std::string& path, std::string_view so) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0) out.push_back(problem_with(option, path, errno) + "; " + std::string(so));
}

void folder_must_be_there(Sentences& out, std::string_view option, const std::string& path, std::string_view so) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return;
    const auto folder = slash == 0 ? std::string("/") : path.substr(0, slash);
    struct stat info {};
    const int error = ::stat(folder.c_str(), &info) != 0 ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    if (error != 0) out.push_back(problem_with(option, folder, error) + "; " + std::string(so));
}

}  // namespace

std::vector<std::string> look_ahead(const Options& options) {
    constexpr std::string_view no_start = "lictor does not start so", no_contact = "Consul cannot be read so", when_it_comes = "it is read when it comes",
                               not_written = "nothing is written there";
    Sentences out;
    if (const auto identity = find_identity(options.user, options.group); !identity) out.push_back(identity.error().text);
    must_be_readable(out, "consul-ca-file", options.consul_ca_file, no_contact);
    must_be_readable(out, "consul-cert-file", options.consul_cert_file, no_contact);
    must_be_readable(out, "consul-key-file", options.consul_key_file, no_contact);
    must_be_readable(out, "consul-token-file", options.consul_token_file, when_it_comes);
    if (!options.no_resolv)
        for (const auto& path : options.resolv_file) must_be_readable(out, "resolv-file", path, when_it_comes);
    for (const auto& path : options.addn_hosts) must_be_readable(out, "addn-hosts", path, when_it_comes);
    for (const auto& path : options.hostsdir) must_be_readable(out, "hostsdir", path, when_it_comes);
    if (const auto shadow = read_shadow(options.shadow)) must_be_readable(out, "shadow", shadow->log_file, when_it_comes);
    folder_must_be_there(out, "pid-file", options.pid_file, no_start);
    if (options.log_facility.starts_with('/')) folder_must_be_there(out, "log-facility", options.log_facility, "lines go to stderr");
    folder_must_be_there(out, "snapshot-file", options.snapshot_file, not_written);
    for (const auto& path : options.leader_exec)
        if (::access(path.c_str(), X_OK) != 0) out.push_back(problem_with("leader-exec", path, errno) + "; it cannot be run so");
    return out;
}

}  // namespace lictor
