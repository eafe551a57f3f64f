// Common code of the configuration tests: files in memory, Options as text, and equality of Options.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "conf/options/option_rows.hpp"
#include "conf/parse/parse.hpp"

namespace conf_test {

/// True if equal without `assumed`: the effective configuration contains the default address of Consul as if it were configured.
inline bool same(lictor::conf::Options a, lictor::conf::Options b) {
    for (auto* options : {&a, &b})
        for (auto& address : options->consul_http_addr) address.assumed = false;
    return a == b;
}

/// Every option with its value, one `name=value` line each; secrets hidden.
inline std::string render_effective(const lictor::conf::Options& options) {
    using lictor::conf::Shape;
    std::string out;
    for (const auto& row : lictor::conf::option_rows()) {
        if (!row.field.id) continue;
        const std::string name(row.name);
        const auto values = row.field.get(options);
        if (values.empty() && row.shape != Shape::environment) out += "# " + name + (row.shape == Shape::flag ? "" : "=") + '\n';
        for (const auto& value : values) {
            if (row.shape == Shape::environment) out += "# ";
            const bool bare = row.shape == Shape::flag || (row.shape == Shape::optional && value.empty());
            out += name + (bare ? "" : '=' + value) + '\n';
        }
    }
    return out;
}

/// Files by path; the part of a path before the last '/' is its directory for `list`. `same_as` maps a path to another one with the same
/// inode.
class Files : public lictor::conf::FileSource {
public:
    Files() = default;
    Files(std::initializer_list<std::pair<const std::string, std::string>> files) : texts(files) {}

    lictor::Result<File> read(const std::string& path) override {
        if (unreadable.contains(path)) return lictor::Error{"Permission denied"};
        const auto found = texts.find(path);
        if (found == texts.end()) return lictor::Error{"No such file or directory"};
        const auto link = same_as.find(path);
        return File{.text = found->second, .identity = link == same_as.end() ? path : link->second};
    }
    bool exists(const std::string& path) override { return texts.contains(path) || unreadable.contains(path); }
    lictor::Result<std::vector<std::string>> list(const std::string& directory) override {
        std::vector<std::string> names;
        for (const auto& [path, text] : texts)
            if (path.starts_with(directory + '/') && path.find('/', directory.size() + 1) == std::string::npos)
                names.push_back(path.substr(directory.size() + 1));
        if (names.empty()) return lictor::Error{"No such file or directory"};
        return names;
    }

    std::map<std::string, std::string> texts;    ///< by path; a test may change them between two reads
    std::map<std::string, std::string> same_as;  ///< each path needs a text, too
    std::set<std::string> unreadable;            ///< paths that exist, of which each read fails
};

using Environment = lictor::conf::Environment;

/// Parses `text` as the file /c, before the arguments `words`. There are no other files.
inline lictor::conf::Parsed parse_text(const std::string& text, const Environment& environment = {}, std::vector<std::string> words = {}) {
    Files files{{"/c", text}};
    words.insert(words.begin(), "--conf-file=/c");
    return lictor::conf::parse_configuration(words, environment, files);
}

/// Parses arguments of the command line, without any file.
inline lictor::conf::Parsed parse_words(const std::vector<std::string>& words, const Environment& environment = {}) {
    Files files;
    return lictor::conf::parse_configuration(words, environment, files);
}

/// Errors or warnings, one line each, as they are logged.
inline std::string lines(const std::vector<lictor::conf::Complaint>& complaints) {
    std::string out;
    for (const auto& complaint : complaints) out += complaint.line() + '\n';
    return out;
}

}  // namespace conf_test
