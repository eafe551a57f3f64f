// One pass over the line resolves quotes and removes the comment. The first unquoted `=` separates name and value.
#include "conf/values/line_syntax.hpp"

namespace lictor::conf {
namespace {

constexpr char quoted_comma = '\x01';
constexpr char quoted_blank = '\x02';
// Block lists have long lines.
constexpr std::size_t line_bytes_max = 64 * 1024;

char protect(char c) {
    if (c == ',') return quoted_comma;
    return c == ' ' ? quoted_blank : c;
}

/// The byte of the escape `\c` inside quotes, or 0 if the backslash is literal.
char escape(char c) {
    switch (c) {
        case '\\': return '\\';
        case '"': return '"';
        case 't': return '\t';
        case 'e': return '\x1b';
        case 'b': return '\b';
        case 'r': return '\r';
        case 'n': return '\n';
        default: return 0;
    }
}

/// Trims spaces only: parse_line has turned unquoted blanks into spaces and quoted ones into markers.
std::string_view without_spaces(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

/// Appends quoted text. `at` is the position after the opening quote and becomes the one after the closing quote. False: no closing quote.
bool take_quoted(std::string_view raw, std::size_t& at, std::string& out) {
    for (; at < raw.size(); ++at) {
        if (raw[at] == '"') {
            ++at;
            return true;
        }
        const char meant = raw[at] == '\\' && at + 1 < raw.size() ? escape(raw[at + 1]) : char{0};
        if (meant) ++at;
        out += protect(meant ? meant : raw[at]);
    }
    return false;
}

}  // namespace

bool has_plain_control_byte(std::string_view value) {
    for (const char c : value)
        if (has_control_byte({&c, 1}) && c != quoted_comma && c != quoted_blank) return true;
    return false;
}

Result<ConfLine> parse_line(std::string_view raw) {
    if (raw.size() > line_bytes_max) return Error{"line longer than 65536 bytes: split it"};
    for (const char c : raw)
        if (has_control_byte({&c, 1}) && !is_blank(c)) return Error{"control byte in the line: remove it, the file must be text"};
    std::string text;
    bool after_blank = true;
    std::size_t equals = std::string::npos;
    for (std::size_t at = 0; at < raw.size();) {
        const char c = raw[at];
        if (after_blank && c == '#') break;
        after_blank = is_blank(c);
        ++at;
        if (c == '"') {
            if (!take_quoted(raw, at, text)) return Error{"missing closing \" on the line"};
            continue;
        }
        if (c == '=' && equals == std::string::npos) equals = text.size();
        text += after_blank ? ' ' : c;
    }
    ConfLine line;
    if (equals == std::string::npos) {
        line.name = without_markers(trimmed(text));
        return line;
    }
    line.name = without_markers(trimmed(std::string_view(text).substr(0, equals)));
    line.value = std::string(without_spaces(std::string_view(text).substr(equals + 1)));
    if (line.name.empty()) return Error{"no option name before '='"};
    return line;
}

std::string without_markers(std::string_view value) {
    std::string out(value);
    for (char& c : out) {
        if (c == quoted_comma) c = ',';
        if (c == quoted_blank) c = ' ';
    }
    return out;
}

std::vector<std::string> split_list(std::string_view value, char separator) {
    std::vector<std::string> items;
    for (;;) {
        const auto end = value.find(separator);
        items.push_back(without_markers(without_spaces(value.substr(0, end))));
        if (end == std::string_view::npos) return items;
        value.remove_prefix(end + 1);
    }
}

std::string quoted(std::string_view value) {
    if (value.find_first_of(" ,\"\t\v\f\b\r\n\x1b") == std::string_view::npos) return std::string(value);
    std::string out = "\"";
    for (const char c : value) {
        switch (c) {
            case '"':
            case '\\': out += '\\', out += c; break;
            case '\t': out += "\\t"; break;
            case '\b': out += "\\b"; break;
            case '\r': out += "\\r"; break;
            case '\n': out += "\\n"; break;
            case '\x1b': out += "\\e"; break;
            default: out += c;
        }
    }
    return out += '"';
}

}  // namespace lictor::conf
