// Each kind writes its data into a small buffer; names stand uncompressed.
#include "resolver/core/static_records.hpp"

#include <algorithm>

namespace lictor {
namespace {

constexpr std::uint16_t type_caa = 257;
constexpr std::size_t string_max = 255;

class Data {
public:
    Data& u8(unsigned value) { return bytes_.push_back(static_cast<std::uint8_t>(value)), *this; }
    Data& u16(unsigned value) { return u8(value >> 8).u8(value & 0xff); }
    Data& raw(const std::string& text) { return bytes_.insert(bytes_.end(), text.begin(), text.end()), *this; }
    Data& string(const std::string& text) {
        const std::string cut = text.substr(0, string_max);
        return u8(static_cast<unsigned>(cut.size())).raw(cut);
    }
    Data& name(const Name& name) { return bytes_.insert(bytes_.end(), name.wire().begin(), name.wire().end()), *this; }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

class Adder {
public:
    Adder(LocalData& data, const Options& options, std::vector<std::string>& notes) : data_(data), options_(options), notes_(notes) {}

    std::optional<Name> name(const std::string& text, const char* option) {
        if (text.empty()) return Name{};
        if (const auto name = Name::parse(text)) return name->lower();
        notes_.push_back(std::string(option) + ": '" + text + "' is not a domain name; skipped");
        return std::nullopt;
    }
    void add(const std::string& owner, const char* option, std::uint16_t type, std::vector<std::uint8_t> bytes, const Name& target = {}) {
        if (const auto at = name(owner, option)) data_.records[*at].push_back({type, options_.local_ttl, std::move(bytes), target});
    }

private:
    LocalData& data_;
    const Options& options_;
    std::vector<std::string>& notes_;
};

}  // namespace

StaticRecord mx_record(std::uint16_t preference, const Name& target, std::uint32_t ttl) {
    return {rrtype::mx, ttl, Data().u16(preference).name(target).take(), target};
}

void add_static_records(LocalData& data, const Options& options, const std::string& host_name, std::vector<std::string>& notes) {
    Adder adder(data, options, notes);
    const auto suffix = std::find_if(options.domain.rbegin(), options.domain.rend(), [](const DomainRule& rule) { return rule.scope == DomainRule::Scope::all; });
    for (const auto& record : options.txt_record) {
        Data text;
        for (const auto& each : record.texts) text.string(each);
        if (record.texts.empty()) text.string({});
        adder.add(record.name, "txt-record", rrtype::txt, text.take());
    }
    for (const auto& record : options.ptr_record)
        if (const auto target = adder.name(record.target, "ptr-record")) adder.add(record.name, "ptr-record", rrtype::ptr, Data().name(*target).take());
    for (const auto& record : options.srv_host) {
        const auto target = adder.name(record.target, "srv-host");
        if (!target) continue;
        std::string owner = record.name;
        // `_service._proto` alone lies in the domain of this machine.
        if (std::count(owner.begin(), owner.end(), '.') == 1 && suffix != options.domain.rend()) owner += '.' + suffix->name;
        adder.add(owner, "srv-host", rrtype::srv, Data().u16(record.priority).u16(record.weight).u16(record.port).name(*target).take(), *target);
    }
    for (const auto& record : options.mx_host) {
        const std::string& there = !record.target.empty() ? record.target : !options.mx_target.empty() ? options.mx_target : host_name;
        if (const auto target = adder.name(there, "mx-host")) adder.add(record.name, "mx-host", rrtype::mx, mx_record(record.preference, *target, 0).data, *target);
    }
    for (const auto& record : options.naptr_record)
        if (const auto target = adder.name(record.replacement, "naptr-record"))
            adder.add(record.name, "naptr-record", rrtype::naptr,
                      Data().u16(record.order).u16(record.preference).string(record.flags).string(record.services).string(record.regexp).name(*target).take());
    for (const auto& record : options.caa_record)
        adder.add(record.name, "caa-record", type_caa, Data().u8(record.flags).string(record.tag).raw(record.value).take());
    for (const auto& record : options.dns_rr) adder.add(record.name, "dns-rr", record.type, record.data);
    if (options.localmx || options.selfmx) {
        data.self_mx = options.selfmx;
        data.mx_target = adder.name(options.mx_target.empty() ? host_name : options.mx_target, "mx-target");
    }
}

}  // namespace lictor
