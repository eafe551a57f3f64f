// Each value is a list with a fixed order; items at the end have defaults, as in dnsmasq.
#include "conf/values/record_values.hpp"

#include <algorithm>
#include <optional>

#include "conf/base/printable.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t text_bytes_max = 255;     // RFC 1035 §3.3: a character-string
constexpr std::size_t record_bytes_max = 4096;  // fits into one answer beside the other sections

Result<std::uint16_t> number16(std::string_view text, const char* what) {
    const auto number = parse_number(text, 65535);
    if (!number) return Error{std::string(what) + ' ' + shown(text) + " is not a number from 0 to 65535"};
    return static_cast<std::uint16_t>(*number);
}

/// Stores the name of a record. Gives what is wrong with it, if anything.
std::optional<Error> store_name(std::string& field, std::string_view item) {
    auto name = parse_record_name(item);
    if (!name) return name.error();
    field = *std::move(name);
    return std::nullopt;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// `01:23:45` or `012345`, blanks between the bytes allowed.
std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ':' || text[at] == ' ') {
            ++at;
            continue;
        }
        const int high = hex_digit(text[at]);
        const int low = at + 1 < text.size() ? hex_digit(text[at + 1]) : -1;
        if (high < 0) return std::nullopt;
        if (low < 0 && at + 1 < text.size() && text[at + 1] != ':' && text[at + 1] != ' ') return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(low < 0 ? high : high * 16 + low));
        at += low < 0 ? 1 : 2;
    }
    return bytes;
}

std::string hex_text(const std::vector<std::uint8_t>& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const auto byte : bytes) {
        if (!out.empty()) out += ':';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

}  // namespace

Result<TxtRecord> parse_txt_record(std::string_view value) {
    TxtRecord record;
    const auto comma = std::min(value.find(','), value.size());
    if (auto fault = store_name(record.name, split_list(value.substr(0, comma)).front())) return *std::move(fault);
    // As in dnsmasq, blanks around the first comma are removed; those around the others belong to the texts.
    value.remove_prefix(std::min(comma + 1, value.size()));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    std::size_t bytes = 0;
    while (!value.empty()) {
        const auto end = std::min(value.find(','), value.size());
        const auto text = without_markers(value.substr(0, end));
        bytes += text.size() + 1;
        for (std::size_t at = 0; at == 0 || at < text.size(); at += text_bytes_max) record.texts.push_back(text.substr(at, text_bytes_max));
        if (end + 1 == value.size()) record.texts.emplace_back();  // a comma at the end adds an empty text
        value.remove_prefix(std::min(end + 1, value.size()));
    }
    if (bytes > record_bytes_max) return Error{"the texts are longer than 4096 bytes and do not fit into an answer: shorten them"};
    if (record.texts.empty()) record.texts.emplace_back();
    return record;
}

std::string text_of(const TxtRecord& record) {
    auto out = quoted(record.name);
    for (const auto& text : record.texts) out += ',' + quoted(text);
    return out;
}

Result<PtrRecord> parse_ptr_record(std::string_view value) {
    PtrRecord record;
    const auto items = split_list(value);
    if (items.size() > 2) return Error{"write NAME,TARGET"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    if (items.size() == 2)
        if (auto fault = store_name(record.target, items[1])) return *std::move(fault);
    return record;
}

std::string text_of(const PtrRecord& record) { return quoted(record.name) + (record.target.empty() ? "" : ',' + quoted(record.target)); }

Result<SrvRecord> parse_srv_record(std::string_view value) {
    SrvRecord record;
    const auto items = split_list(value);
    if (items.size() > 5) return Error{"write _SERVICE._PROTOCOL.DOMAIN,TARGET,PORT,PRIORITY,WEIGHT"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    if (items.size() > 1 && !items[1].empty())
        if (auto fault = store_name(record.target, items[1])) return *std::move(fault);
    std::uint16_t* const numbers[] = {&record.port, &record.priority, &record.weight};
    static constexpr const char* names[] = {"port", "priority", "weight"};
    for (std::size_t i = 2; i < items.size(); ++i) {
        const auto number = number16(items[i], names[i - 2]);
        if (!number) return number.error();
        *numbers[i - 2] = *number;
    }
    return record;
}

std::string text_of(const SrvRecord& record) {
    if (record.target.empty() && record.port == 1 && record.priority == 0 && record.weight == 0) return quoted(record.name);
    return quoted(record.name) + ',' + quoted(record.target) + ',' + std::to_string(record.port) + ',' + std::to_string(record.priority) +
           ',' + std::to_string(record.weight);
}

Result<MxRecord> parse_mx_record(std::string_view value) {
    MxRecord record;
    const auto items = split_list(value);
    if (items.size() > 3) return Error{"write NAME,TARGET,PREFERENCE"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    if (items.size() > 1 && !items[1].empty())
        if (auto fault = store_name(record.target, items[1])) return *std::move(fault);
    if (items.size() > 2) {
        const auto preference = number16(items[2], "preference");
        if (!preference) return preference.error();
        record.preference = *preference;
    }
    return record;
}

std::string text_of(const MxRecord& record) {
    if (record.target.empty() && record.preference == 1) return quoted(record.name);
    return quoted(record.name) + ',' + quoted(record.target) + ',' + std::to_string(record.preference);
}

Result<NaptrRecord> parse_naptr_record(std::string_view value) {
    NaptrRecord record;
    const auto items = split_list(value);
    if (items.size() < 6 || items.size() > 7) return Error{"write NAME,ORDER,PREFERENCE,FLAGS,SERVICE,REGEXP[,REPLACEMENT]"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    const auto order = number16(items[1], "order"), preference = number16(items[2], "preference");
    if (!order) return order.error();
    if (!preference) return preference.error();
    record.order = *order;
    record.preference = *preference;
    for (std::size_t i = 3; i < 6; ++i)
        if (items[i].size() > text_bytes_max) return Error{shown(items[i]) + " is longer than 255 bytes"};
    record.flags = items[3];
    record.services = items[4];
    record.regexp = items[5];
    if (items.size() == 7 && !items[6].empty() && items[6] != ".")
        if (auto fault = store_name(record.replacement, items[6])) return *std::move(fault);
    return record;
}

std::string text_of(const NaptrRecord& record) {
    return quoted(record.name) + ',' + std::to_string(record.order) + ',' + std::to_string(record.preference) + ',' + quoted(record.flags) +
           ',' + quoted(record.services) + ',' + quoted(record.regexp) +
           (record.replacement.empty() ? "" : ',' + quoted(record.replacement));
}

Result<CaaRecord> parse_caa_record(std::string_view value) {
    CaaRecord record;
    // The value may contain commas: it is all text after the third one.
    auto items = split_list(value);
    if (items.size() < 4) return Error{"write NAME,FLAGS,TAG,VALUE"};
    for (std::size_t i = 4; i < items.size(); ++i) items[3] += ',' + items[i];
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    const auto flags = parse_number(items[1], 255);
    if (!flags) return Error{"flags " + shown(items[1]) + " are not a number from 0 to 255"};
    record.flags = static_cast<std::uint8_t>(*flags);
    if (items[2].empty() || items[2].size() > text_bytes_max)
        return Error{"the tag is not 1 to 255 bytes long: write issue, issuewild or iodef"};
    if (items[3].size() > record_bytes_max) return Error{"the value is longer than 4096 bytes and does not fit into an answer: shorten it"};
    record.tag = items[2];
    record.value = items[3];
    return record;
}

std::string text_of(const CaaRecord& record) {
    return quoted(record.name) + ',' + std::to_string(record.flags) + ',' + quoted(record.tag) + ',' + quoted(record.value);
}

Result<RawRecord> parse_raw_record(std::string_view value) {
    RawRecord record;
    const auto items = split_list(value);
    if (items.size() < 2 || items.size() > 3) return Error{"write NAME,TYPE-NUMBER[,HEX]"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    const auto type = number16(items[1], "record type");
    if (!type) return type.error();
    record.type = *type;
    if (items.size() == 3) {
        auto data = parse_hex(items[2]);
        if (!data) return Error{shown(items[2]) + " is not data in hexadecimal (01:23:45 or 012345)"};
        if (data->size() > record_bytes_max) return Error{"the data is longer than 4096 bytes and does not fit into an answer: shorten it"};
        record.data = *std::move(data);
    }
    return record;
}

std::string text_of(const RawRecord& record) {
    return quoted(record.name) + ',' + std::to_string(record.type) + (record.data.empty() ? "" : ',' + hex_text(record.data));
}

Result<InterfaceName> parse_interface_name(std::string_view value) {
    InterfaceName record;
    const auto items = split_list(value);
    if (items.size() != 2) return Error{"write NAME,INTERFACE[/4|/6]"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    std::string_view interface = items[1];
    if (const auto slash = interface.find('/'); slash != std::string_view::npos) {
        const auto family = trimmed(interface.substr(slash + 1));
        if (family == "4") record.v6 = false;
        else if (family == "6") record.v4 = false;
        else return Error{"only 4 or 6 is allowed after '/', not " + shown(family)};
        interface = trimmed(interface.substr(0, slash));
    }
    auto parsed = parse_interface(interface);
    if (!parsed) return parsed.error();
    record.interface = *std::move(parsed);
    return record;
}

std::string text_of(const InterfaceName& record) {
    return quoted(record.name) + ',' + record.interface + (record.v4 && record.v6 ? "" : record.v4 ? "/4" : "/6");
}

Result<DynamicHost> parse_dynamic_host(std::string_view value) {
    DynamicHost record;
    const auto items = split_list(value);
    if (items.size() < 3) return Error{"write NAME,[IPV4],[IPV6],INTERFACE with at least one address"};
    if (auto fault = store_name(record.name, items[0])) return *std::move(fault);
    for (std::size_t i = 1; i + 1 < items.size(); ++i) {
        if (items[i].empty()) continue;
        const auto address = Address::parse(items[i]);
        if (!address) return Error{shown(items[i]) + " is not an IP address"};
        (address->v6 ? record.v6 : record.v4) = *address;
    }
    if (!record.v4 && !record.v6) return Error{"no address: write NAME,[IPV4],[IPV6],INTERFACE"};
    auto interface = parse_interface(items.back());
    if (!interface) return interface.error();
    record.interface = *std::move(interface);
    return record;
}

std::string text_of(const DynamicHost& record) {
    return quoted(record.name) + (record.v4 ? ',' + record.v4->text() : "") + (record.v6 ? ',' + record.v6->text() : "") + ',' +
           record.interface;
}

}  // namespace lictor::conf
