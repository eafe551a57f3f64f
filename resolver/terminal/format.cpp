// Control characters become `?`: a terminal would execute them.
#include "resolver/terminal/format.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lictor::terminal {

Json parse(const std::string& text) { return Json::parse(text, nullptr, false); }

const Json& member(const Json& object, const char* key) {
    static const Json nothing;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() ? *found : nothing;
}

std::string decimal(double value, int places) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.*f", places, value);
    return digits;
}

std::string words(const Json& value) {
    if (value.is_number_float()) return decimal(value.get<double>(), 1);
    if (value.is_number() || value.is_boolean()) return value.dump();
    if (!value.is_string()) return "-";
    std::string text = value.get<std::string>();
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]), next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
        if (byte < 0x20 || byte == 0x7f) text[i] = '?';
        else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) text.replace(i, 2, "?");  // U+0080 to U+009F are controls as well
    }
    return text.empty() ? "-" : text;
}

double number(const Json& value) { return value.is_number() ? value.get<double>() : 0.0; }

std::string span(double seconds) {
    if (!(seconds >= 0) || seconds > 1e12) return "-";
    if (seconds < 60) return decimal(seconds, 1) + "s";
    const auto whole = static_cast<std::int64_t>(seconds);
    if (whole < 3600) return std::to_string(whole / 60) + "m" + std::to_string(whole % 60) + "s";
    if (whole < 86400) return std::to_string(whole / 3600) + "h" + std::to_string(whole % 3600 / 60) + "m";
    return std::to_string(whole / 86400) + "d" + std::to_string(whole % 86400 / 3600) + "h";
}

std::string bytes(double value) { return value >= 1 << 20 ? decimal(value / (1 << 20), 1) + " MB" : decimal(value / 1024, 0) + " kB"; }

std::string joined(const Json& list) {
    std::string text;
    if (list.is_array())
        for (const auto& item : list) text += (text.empty() ? "" : ", ") + words(item);
    return text.empty() ? "-" : text;
}

std::size_t width(const std::string& text) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\x1b') {  // a colour ends with `m`
            i = std::min(text.find('m', i), text.size() - 1);
            continue;
        }
        count += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

std::string table(const std::vector<Row>& rows, const char* indent) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i >= widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], width(row[i]));
        }
    std::string text;
    for (const auto& row : rows) {
        text += indent;
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - width(row[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

}  // namespace lictor::terminal
