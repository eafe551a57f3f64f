// Which configuration files are read, and in which order? Each file is read once; each line is passed to its option.
#include <algorithm>

#include "conf/base/printable.hpp"
#include "conf/parse/parser.hpp"
#include "conf/values/line_syntax.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t depth_max = 32;
constexpr std::size_t files_max = 4096;

/// Hidden files and files that editors leave behind.
bool is_never_read(std::string_view name) {
    return name.empty() || name.ends_with('~') || name.starts_with('.') || (name.starts_with('#') && name.ends_with('#'));
}

/// The endings of a conf-dir: files to skip, and (written with a star) the only files to read.
struct Endings {
    std::vector<std::string> skipped;
    std::vector<std::string> only;

    bool takes(std::string_view name) const {
        const auto ends = [&](const std::string& ending) { return name.size() > ending.size() && name.ends_with(ending); };
        if (std::any_of(skipped.begin(), skipped.end(), ends)) return false;
        return only.empty() || std::any_of(only.begin(), only.end(), ends);
    }
};

/// Whether a file has a line that is neither empty nor a comment.
bool has_option(std::string_view text) {
    for (std::string_view rest = without_byte_order_mark(text); !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = parse_line(rest.substr(0, end));
        if (!line || !line->name.empty()) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

}  // namespace

/// Silent while the file has only comments, or is the other file by another name.
void Parser::warn_of_unread(const std::string& path, const std::string& chosen) {
    const auto file = files_.read(path), other = files_.read(chosen);
    if (file && (!has_option(file->text) || (other && other->identity == file->identity))) return;
    warning("", path + " is not read, because " + chosen + " exists; move the lines of one into the other and remove it");
}

void Parser::read_files() {
    for (const auto& source : sources_) {
        if (source.folder) read_folder(source.path, "command line");
        else read_file(source.path, "command line");
    }
    if (!conf_file_) {
        std::string chosen;
        for (const auto path : default_conf_files) {
            if (!files_.exists(std::string(path))) continue;
            if (chosen.empty()) chosen = path;
            else warn_of_unread(std::string(path), chosen);
        }
        if (!chosen.empty()) read_file(chosen, "");
    } else if (!conf_file_->empty()) {
        read_file(*conf_file_, "command line");
    }
}

void Parser::read_file(const std::string& path, const std::string& asked_at) {
    if (depth_ >= depth_max) return error(asked_at, "conf-file: files are nested more than " + std::to_string(depth_max) + " deep");
    if (identities_.size() >= files_max)
        return error(asked_at, "conf-file: more than " + std::to_string(files_max) + " files are included");
    const auto file = files_.read(path);
    if (!file) {
        const char* advice = files_.list(path) ? "; use conf-dir" : "";
        return error(asked_at, "cannot read " + shown(path) + ": " + file.error().text + advice, true);
    }
    if (!identities_.insert(file->identity).second) return;
    parsed_.files.push_back(path);

    const auto name = path == "-" ? std::string("standard input") : printable(path, 1000);
    std::string_view rest = without_byte_order_mark(file->text);
    ++depth_;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const auto end = std::min(rest.find('\n'), rest.size());
        read_line(rest.substr(0, end), name + ':' + std::to_string(number));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    --depth_;
}

void Parser::read_folder(std::string_view value, const std::string& asked_at) {
    const auto words = split_list(value);
    auto folder = words.front();
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    if (folder.empty()) return error(asked_at, "conf-dir: missing parameter: write conf-dir=<path>[,<ending>…]");
    Endings endings;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i].starts_with('*') && words[i].size() > 1) endings.only.push_back(words[i].substr(1));
        else if (!words[i].empty() && words[i] != "*") endings.skipped.push_back(words[i]);
    }
    auto names = files_.list(folder);
    if (!names) return error(asked_at, "cannot read directory " + shown(folder) + ": " + names.error().text, true);
    std::sort(names->begin(), names->end());
    for (const auto& name : *names)
        if (!is_never_read(name) && endings.takes(name)) read_file((folder == "/" ? "" : folder) + '/' + name, asked_at);
}

void Parser::read_line(std::string_view raw, const std::string& place) {
    const auto line = parse_line(raw);
    if (!line) return error(place, line.error().text);
    if (line->name.empty()) return;
    std::optional<std::string_view> value;
    if (line->value) value = *line->value;
    if (const auto* row = find_option(line->name)) return apply(*row, value, Origin::file, place);
    if (const auto* unsupported = find_dnsmasq_name(line->name)) return ignore_unsupported(*unsupported, value, Origin::file, place);
    if (line->name.starts_with("--"))
        return error(place, "an option in a file has no leading dashes: write " + printable(line->name.substr(2), 60));
    unknown(line->name, place);
}

}  // namespace lictor::conf
