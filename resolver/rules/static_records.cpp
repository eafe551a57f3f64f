// Each kind writes its data into a small buffer; names are not compressed.
#include "resolver/rules/static_records.hpp"

#include <algorithm>

#include "conf/options/local.hpp"

namespace lictor::rules {
namespace {

constexpr std::uint16_t type_caa = 257;
constexpr std::size_t string_max = 255;

class Data {
public:
    Data& u8(unsigned value) {
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Data& u16(unsigned value) {
        append_u16(bytes_, value);
        return *this;
    }
    Data& raw(const auto& bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Data& string(const std::string& text) {
        const std::string cut = text.substr(0, string_max);
        return u8(static_cast<unsigned>(cut.size())).raw(cut);
    }
    Data& name(const wire::Name& name) { return raw(name.wire()); }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

class Adder {
public:
    Adder(LocalData& data, std::uint32_t ttl, std::vector<std::string>& notes) : data_(data), ttl_(ttl), notes_(notes) {}

    std::optional<wire::Name> name(const std::string& text, const char* option) {
        if (text.empty()) return wire::Name{};
        if (const auto name = wire::Name::parse(text)) return name->lower();
        notes_.push_back(std::string(option) + ": '" + text + "' is not a domain name; skipped");
        return std::nullopt;
    }
    void add(const std::string& owner, const char* option, std::uint16_t type, std::vector<std::uint8_t> bytes,
             const wire::Name& target = {}) {
        if (const auto at = name(owner, option)) data_.records[*at].push_back({type, ttl_, std::move(bytes), target});
    }

private:
    LocalData& data_;
    const std::uint32_t ttl_;
    std::vector<std::string>& notes_;
};

}  // namespace

StaticRecord mx_record(std::uint16_t preference, const wire::Name& target, std::uint32_t ttl) {
    return {rrtype::mx, ttl, Data().u16(preference).name(target).take(), target};
}

void add_static_records(LocalData& data, const conf::LocalOptions& options, std::uint32_t ttl, const std::string& host_name,
                        std::vector<std::string>& notes) {
    Adder adder(data, ttl, notes);
    const auto suffix = std::find_if(options.domain.rbegin(), options.domain.rend(),
                                     [](const conf::DomainRule& rule) { return rule.scope == conf::DomainRule::Scope::all; });
    for (const auto& record : options.txt_record) {
        Data text;
        for (const auto& each : record.texts) text.string(each);
        if (record.texts.empty()) text.string({});
        adder.add(record.name, "txt-record", rrtype::txt, text.take());
    }
    for (const auto& record : options.ptr_record)
        if (const auto target = adder.name(record.target, "ptr-record"))
            adder.add(record.name, "ptr-record", rrtype::ptr, Data().name(*target).take());
    for (const auto& record : options.srv_host) {
        const auto target = adder.name(record.target, "srv-host");
        if (!target) continue;
        std::string owner = record.name;
        // `_service._proto` without a domain gets that of the last `domain=` line for all addresses.
        if (std::count(owner.begin(), owner.end(), '.') == 1 && suffix != options.domain.rend()) owner += '.' + suffix->name;
        adder.add(owner, "srv-host", rrtype::srv, Data().u16(record.priority).u16(record.weight).u16(record.port).name(*target).take(),
                  *target);
    }
    for (const auto& record : options.mx_host) {
        const std::string& there = !record.target.empty() ? record.target : !options.mx_target.empty() ? options.mx_target : host_name;
        if (const auto target = adder.name(there, "mx-host"))
            adder.add(record.name, "mx-host", rrtype::mx, mx_record(record.preference, *target, 0).data, *target);
    }
    for (const auto& record : options.naptr_record)
        if (const auto target = adder.name(record.replacement, "naptr-record"))
            adder.add(record.name, "naptr-record", rrtype::naptr,
                      Data()
                          .u16(record.order)
                          .u16(record.preference)
                          .string(record.flags)
                          .string(record.services)
                          .string(record.regexp)
                          .name(*target)
                          .take());
    for (const auto& record : options.caa_record)
        adder.add(record.name, "caa-record", type_caa, Data().u8(record.flags).string(record.tag).raw(record.value).take());
    for (const auto& record : options.dns_rr) adder.add(record.name, "dns-rr", record.type, record.data);
    if (options.localmx || options.selfmx) {
        data.self_mx = options.selfmx;
        data.mx_target = adder.name(options.mx_target.empty() ? host_name : options.mx_target, "mx-target");
    }
}

}  // namespace lictor::rules
