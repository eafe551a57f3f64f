// What the configuration tests share: a table of files in memory, and equality of Options field by field (the list of fields is the
// option table's own, so none is forgotten).
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "conf/option_rows.hpp"
#include "conf/parse.hpp"

namespace lictor {

inline bool operator==(const ServerRule& a, const ServerRule& b) {
    return std::tie(a.domains, a.upstream, a.standard, a.interface, a.source) == std::tie(b.domains, b.upstream, b.standard, b.interface, b.source);
}
inline bool operator==(const AddressRule& a, const AddressRule& b) {
    return std::tie(a.domains, a.kind, a.address) == std::tie(b.domains, b.kind, b.address);
}
inline bool operator==(const HostRecord& a, const HostRecord& b) {
    return std::tie(a.names, a.addresses, a.ttl) == std::tie(b.names, b.addresses, b.ttl);
}
inline bool operator==(const CnameRule& a, const CnameRule& b) {
    return std::tie(a.aliases, a.target, a.ttl) == std::tie(b.aliases, b.target, b.ttl);
}
inline bool operator==(const LeaderRule& a, const LeaderRule& b) {
    return std::tie(a.scope, a.name_space, a.service, a.key, a.port, a.source) == std::tie(b.scope, b.name_space, b.service, b.key, b.port, b.source);
}
inline bool operator==(const ConsulAddress& a, const ConsulAddress& b) {
    return std::tie(a.url, a.unix_path) == std::tie(b.url, b.unix_path);
}

}  // namespace lictor

namespace conf_test {

inline auto fields_of(const lictor::Options& options) {
    const auto& [LICTOR_OPTION_FIELDS] = options;
    return std::tie(LICTOR_OPTION_FIELDS);
}

inline bool same(const lictor::Options& a, const lictor::Options& b) { return fields_of(a) == fields_of(b); }

/// Files by path; the part of a path before the last '/' is the folder that `list` knows. A second path with the same text and a
/// `same_as` mark is the same inode.
class Files : public lictor::FileSource {
public:
    Files() = default;
    Files(std::initializer_list<std::pair<const std::string, std::string>> files) : texts(files) {}

    lictor::Result<File> read(const std::string& path) override {
        const auto found = texts.find(path);
        if (found == texts.end()) return lictor::Error{"No such file or directory"};
        const auto link = same_as.find(path);
        return File{.text = found->second, .identity = link == same_as.end() ? path : link->second};
    }
    bool exists(const std::string& path) override { return texts.contains(path); }
    lictor::Result<std::vector<std::string>> list(const std::string& directory) override {
        std::vector<std::string> names;
        for (const auto& [path, text] : texts)
            if (path.starts_with(directory + '/') && path.find('/', directory.size() + 1) == std::string::npos) names.push_back(path.substr(directory.size() + 1));
        if (names.empty()) return lictor::Error{"No such file or directory"};
        return names;
    }

    std::map<std::string, std::string> texts;
    std::map<std::string, std::string> same_as;
};

using Environment = lictor::Environment;

/// Parses `text` as the file /c, with nothing else said.
inline lictor::Parsed parse_text(const std::string& text, const Environment& environment = {}, std::vector<std::string> words = {}) {
    Files files{{"/c", text}};
    words.insert(words.begin(), "--conf-file=/c");
    return lictor::parse_configuration(words, environment, files);
}

inline lictor::Parsed parse_words(const std::vector<std::string>& words, const Environment& environment = {}) {
    Files files;
    return lictor::parse_configuration(words, environment, files);
}

inline std::string lines(const std::vector<lictor::Complaint>& complaints) {
    std::string out;
    for (const auto& complaint : complaints) out += complaint.line() + '\n';
    return out;
}

}  // namespace conf_test
