// read, stat and access of the files that consul-token-file, consul-ca-file, consul-cert-file and consul-key-file name.
#include "watch/http/kept_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "conf/base/printable.hpp"
#include "conf/base/wipe.hpp"
#include "conf/disk/users.hpp"
#include "conf/log/log.hpp"
#include "conf/options/consul_http.hpp"

namespace lictor::http {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;

struct Named {
    std::string_view option;
    const std::string& path;
};

/// The TLS files; visits those that are set.
template <class Visit>
void each_tls_file(const conf::ConsulHttpOptions& options, Visit visit) {
    for (const auto& [option, path] : {Named{"consul-ca-file", options.consul_ca_file}, Named{"consul-cert-file", options.consul_cert_file},
                                       Named{"consul-key-file", options.consul_key_file}})
        if (!path.empty()) visit(option, path);
}

bool can_read(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0; }

/// Wipes the files' bytes at its end.
std::shared_ptr<std::map<std::string, KeptFile>> make_files() {
    return {new std::map<std::string, KeptFile>, [](std::map<std::string, KeptFile>* files) {
                for (auto& [path, file] : *files) wipe(file.text);
                delete files;
            }};
}

std::string user_name() {
    const auto user = disk::find_user(::geteuid());
    return user ? user->name : std::to_string(::geteuid());
}

}  // namespace

std::optional<FileVersion> version_of(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return FileVersion{info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino};
}

KeptFiles read_files(const conf::ConsulHttpOptions& options) {
    auto files = make_files();
    const auto read = [&](std::string_view, const std::string& path) {
        const auto version = version_of(path);
        std::ifstream in(path, std::ios::binary);
        if (!version || version->size > static_cast<std::int64_t>(file_bytes_max) || !in) return;
        std::string text(file_bytes_max + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        if (!in.eof() || in.bad()) return;
        text.resize(static_cast<std::size_t>(in.gcount()));
        (*files)[path] = {std::move(text), *version};
    };
    if (!options.consul_token_file.empty()) read("consul-token-file", options.consul_token_file);
    each_tls_file(options, read);
    return files;
}

KeptFiles keep_unreadable(const KeptFiles& files) {
    auto kept = make_files();
    if (files)
        for (const auto& [path, file] : *files)
            if (!can_read(path)) kept->emplace(path, file);
    return kept;
}

const KeptFile* kept_file(const KeptFiles& files, const std::string& path) {
    if (!files) return nullptr;
    const auto found = files->find(path);
    return found == files->end() || can_read(path) ? nullptr : &found->second;
}

std::string unreadable(std::string_view option, const std::string& path, int code, bool kept) {
    return std::string(option) + "=" + printable(path, 1000) + " cannot be read by user " + user_name() + ": " + std::strerror(code) +
           (kept ? "; the content that was read at the start stays in use: restart lictor, or let this user read the file"
                 : "; correct the path, or let this user read the file (group=)");
}

void warn_of_unreadable(const conf::ConsulHttpOptions& options, const KeptFiles& files) {
    each_tls_file(options, [&](std::string_view option, const std::string& path) {
        if (can_read(path)) return;
        const int code = errno;
        const auto* kept = kept_file(files, path);
        if (kept && version_of(path) == kept->version) return;
        log::warning(unreadable(option, path, code, kept != nullptr));
    });
}

}  // namespace lictor::http
