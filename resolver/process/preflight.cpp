// Uses access(2) and the user database. Nothing is opened, created or changed. A child process becomes the user that lictor would become.
#include "resolver/process/preflight.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/options/options.hpp"
#include "conf/values/shadow_value.hpp"
#include "resolver/process/privileges.hpp"
#include "watch/http/ca_store.hpp"

namespace lictor::process {
namespace {

using Sentences = std::vector<std::string>;

std::string problem_with(std::string_view option, const std::string& path, int error) {
    return std::string(option) + ": " + shown(path, 200) + ": " + std::strerror(error);
}

/// `effect`: what follows for lictor.
void must_be_readable(Sentences& out, std::string_view option, const std::string& path, std::string_view effect) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0) out.push_back(problem_with(option, path, errno) + "; " + std::string(effect));
}

void directory_must_exist(Sentences& out, std::string_view option, const std::string& path, std::string_view effect) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return;
    const auto folder = slash == 0 ? std::string("/") : path.substr(0, slash);
    struct stat info {};
    const int error = ::stat(folder.c_str(), &info) != 0 ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    if (error != 0) out.push_back(problem_with(option, folder, error) + "; " + std::string(effect));
}

/// Options and paths of the files that lictor reads before it changes its user, and later again.
std::vector<std::pair<std::string_view, const std::string*>> consul_files(const conf::Options& options) {
    return {{"consul-ca-file", &options.consul_ca_file},
            {"consul-cert-file", &options.consul_cert_file},
            {"consul-key-file", &options.consul_key_file},
            {"consul-token-file", &options.consul_token_file}};
}

using Become = std::function<void()>;

/// What is missing or not accessible for the user that lictor becomes. `become` changes this process to that user.
Sentences find_user_problems(const conf::Options& options, const std::vector<std::string>& files, const Become& become) {
    constexpr std::string_view when_it_comes = "it is read when it appears";
    Sentences out;
    auto once = consul_files(options);
    std::erase_if(once, [](const auto& file) { return file.second->empty() || ::access(file.second->c_str(), R_OK) != 0; });
    become();
    for (const auto& [option, path] : once)
        must_be_readable(out, option, *path,
                         "lictor reads it before it changes its user, and after a change of the file only at the next start");
    for (const auto& path : files)
        if (path != "-") must_be_readable(out, "conf-file", path, "HUP will not be able to read it");
    if (!options.no_resolv)
        for (const auto& path : options.resolv_file) must_be_readable(out, "resolv-file", path, when_it_comes);
    for (const auto& path : options.addn_hosts) must_be_readable(out, "addn-hosts", path, when_it_comes);
    for (const auto& path : options.hostsdir) must_be_readable(out, "hostsdir", path, when_it_comes);
    must_be_readable(out, "servers-file", options.servers_file, when_it_comes);
    if (const auto shadow = conf::read_shadow(options.shadow)) must_be_readable(out, "shadow", shadow->log_file, when_it_comes);
    const auto found = out.size();
    directory_must_exist(out, "snapshot-file", options.snapshot_file, "nothing is written there");
    if (const auto slash = options.snapshot_file.rfind('/'); out.size() == found && slash != std::string::npos)
        if (const auto folder = options.snapshot_file.substr(0, slash + 1); ::access(folder.c_str(), W_OK | X_OK) != 0)
            out.push_back(problem_with("snapshot-file", folder, errno) + "; nothing is written there");
    for (const auto& path : options.leader_exec)
        if (::access(path.c_str(), X_OK) != 0) out.push_back(problem_with("leader-exec", path, errno) + "; it could not be run");
    return out;
}

/// The sentences of `check`, which runs in a child process that can become the user; without an identity, in this process.
Sentences as_user(const std::optional<Identity>& identity, const std::function<Sentences(const Become&)>& check) {
    if (!identity) return check([] {});
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return {std::string("the files are not checked: pipe2: ") + std::strerror(errno)};
    const pid_t child = fork();
    if (child == 0) {
        std::string text;
        Result<bool> became = true;
        for (const auto& sentence : check([&] { became = become(identity, false); }))
            text += sentence + " (as user " + identity->user_name + ")" + '\0';
        if (!became) text = became.error().text + '\0';
        const bool written = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
        _exit(written ? 0 : 5);
    }
    close(ends[1]);
    std::string text;
    char bytes[4096];
    for (ssize_t got = 0; child > 0 && (got = read(ends[0], bytes, sizeof bytes)) != 0;) {
        if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
        else if (errno != EINTR) break;
    }
    close(ends[0]);
    if (child < 0) return {"the files are not checked: fork failed"};
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    Sentences out;
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::min(rest.find('\0'), rest.size());
        out.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (status != 0) out.push_back("the files are not checked as the user " + identity->user_name);
    return out;
}

}  // namespace

std::vector<std::string> find_start_problems(const conf::Options& options, const std::vector<std::string>& files) {
    Sentences out;
    const auto configured = find_identity(options.no_daemon ? "" : options.user, options.no_daemon ? "" : options.group);
    if (!configured) out.push_back(configured.error().text);
    const auto attainable = find_attainable(configured ? *configured : std::nullopt);
    out.insert(out.end(), attainable.warnings.begin(), attainable.warnings.end());
    for (const auto& [option, path] : consul_files(options)) must_be_readable(out, option, *path, "Consul could not be read");
    if (const auto lack = http::lack_of_consul_ca(options); !lack.empty()) out.push_back("consul-http-addr: " + lack);
    directory_must_exist(out, "pid-file", options.pid_file, "lictor would not start");
    if (options.log_facility.starts_with('/')) directory_must_exist(out, "log-facility", options.log_facility, "lines go to stderr");
    for (auto& sentence : as_user(attainable.identity, [&](const Become& become) { return find_user_problems(options, files, become); }))
        out.push_back(std::move(sentence));
    return out;
}

}  // namespace lictor::process
