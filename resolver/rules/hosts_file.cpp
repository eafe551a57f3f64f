// `ADDRESS NAME [NAME…] [# comment]`, line by line.
#include "resolver/rules/hosts_file.hpp"

#include "conf/values/ascii_name.hpp"
#include "resolver/rules/text_lines.hpp"

namespace lictor::rules {
namespace {

constexpr unsigned notes_max = 10;

class Notes {
public:
    Notes(std::string_view path, std::vector<std::string>& notes) : path_(path), notes_(notes) {}
    ~Notes() {
        if (count_ > notes_max) notes_.push_back(path_ + ": " + std::to_string(count_ - notes_max) + " more lines or names skipped");
    }
    Notes(const Notes&) = delete;
    Notes& operator=(const Notes&) = delete;
    void add(std::size_t line, const std::string& text) {
        if (++count_ <= notes_max) notes_.push_back(path_ + ':' + std::to_string(line) + ": " + text);
    }

private:
    std::string path_;
    std::vector<std::string>& notes_;
    unsigned count_ = 0;
};

/// A word of the file for a log line.
std::string quoted(std::string_view word) {
    std::string out = "'";
    for (const char c : word.substr(0, 80)) out += c >= 0x20 && c < 0x7f ? c : '?';
    return out + "'";
}

}  // namespace

std::vector<HostsLine> parse_hosts(std::string_view text, std::string_view path, std::vector<std::string>& notes) {
    std::vector<HostsLine> lines;
    Notes reported(path, notes);
    std::string_view line;
    for (std::size_t number = 1; take_line(text, line); ++number) {
        line = line.substr(0, line.find('#'));
        const auto first = take_word(line);
        if (first.empty()) continue;
        const auto address = Address::parse(first);
        if (!address) {
            reported.add(number, quoted(first) + " is not an address; line skipped");
            continue;
        }
        HostsLine entry{*address, {}};
        for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
            const auto ascii = conf::ascii_name(word);
            if (const auto name = ascii ? wire::Name::parse(*ascii) : std::nullopt; name && !name->is_root())
                entry.names.push_back(name->lower());
            else reported.add(number, quoted(word) + " is not a host name; skipped");
        }
        if (entry.names.empty()) reported.add(number, "no name for " + address->text());
        else lines.push_back(std::move(entry));
    }
    return lines;
}

}  // namespace lictor::rules
