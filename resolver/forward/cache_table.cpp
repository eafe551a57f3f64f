// Column widths and flags are those of dnsmasq 2.90. Cached failures, which dnsmasq does not show, have no row.
#include "resolver/forward/cache_table.hpp"

#include "resolver/rules/local_data.hpp"
#include "resolver/wire/message.hpp"
#include "resolver/wire/type_text.hpp"

namespace lictor::forward {
namespace {

constexpr std::size_t host_width = 30, address_width = 40, time_width = 24, source_width = 40;
constexpr std::string_view flag_letters = "TFRIDNXHCV";  // one column each; the first holds the type

std::string padded(std::string_view text, std::size_t width) {
    std::string out(text.substr(0, width));
    out.append(width - out.size(), ' ');
    return out;
}

/// `kind` in the first column, and each of `letters` in its own.
std::string flags_of(char kind, std::string_view letters) {
    std::string flags(flag_letters.size(), ' ');
    for (std::size_t i = 1; i < flags.size(); ++i)
        if (letters.find(flag_letters[i]) != std::string_view::npos) flags[i] = flag_letters[i];
    flags[0] = kind;
    return flags;
}

std::string in_brackets(std::uint16_t type) {
    const auto text = wire::type_text(type);
    return text.starts_with("TYPE") ? "type=" + text.substr(4) : '<' + text + '>';
}

TableRow absence_row(const wire::Name& name, std::uint16_t type, bool no_name, std::int64_t expires) {
    if (no_name) return {name.text(), {}, flags_of(' ', "FNX"), {}, expires};
    if (type == rrtype::a || type == rrtype::aaaa) return {name.text(), {}, flags_of(type == rrtype::a ? '4' : '6', "FN"), {}, expires};
    return {name.text(), in_brackets(type), flags_of('T', "FN"), {}, expires};
}

}  // namespace

std::vector<std::string> table_head() {
    const auto line = [](std::string_view host, std::string_view address, std::string_view flags, std::string_view expires,
                         std::string_view source) {
        return padded(host, host_width) + ' ' + padded(address, address_width) + ' ' + padded(flags, flag_letters.size()) + ' ' +
               padded(expires, time_width) + ' ' + std::string(source);
    };
    const auto dashes = [](std::size_t count) { return std::string(count, '-'); };
    return {line("Host", "Address", "Flags", "Expires", "Source"),
            line(dashes(host_width), dashes(address_width), dashes(flag_letters.size()), dashes(time_width), dashes(12))};
}

std::string table_line(const TableRow& row, std::string_view expires) {
    std::string out =
        padded(row.host, host_width) + ' ' + padded(row.address, address_width) + ' ' + row.flags + ' ' + padded(expires, time_width);
    if (!row.source.empty()) out += ' ' + padded(row.source, source_width);
    return out;
}

void add_reply_rows(const wire::Name& lower, std::uint16_t type, wire::Bytes message, std::int64_t expires_unix, std::size_t rows_max,
                    std::vector<TableRow>& rows) {
    const auto header = wire::read_header(message);
    if (!header || (header->rcode() != rcode::noerror && header->rcode() != rcode::nxdomain)) return;
    wire::Reader reader(message);
    reader.skip(wire::header_size);
    reader.name();
    reader.skip(4);
    bool found = false;
    wire::Name last = lower;
    for (unsigned i = 0; i < header->ancount && rows.size() < rows_max; ++i) {
        const auto record = wire::read_record(reader);
        if (!record) return;
        wire::Reader data(message.first(record->rdata_at + record->rdata.size()));
        data.skip(record->rdata_at);
        TableRow row{record->owner.text(), {}, {}, {}, expires_unix};
        const bool a = record->type == rrtype::a && record->rdata.size() == 4,
                   aaaa = record->type == rrtype::aaaa && record->rdata.size() == 16;
        const auto reverse = record->type == rrtype::ptr ? wire::address_of_reverse(record->owner.lower()) : std::nullopt;
        if (a || aaaa) {
            row.address = Address::from_bytes(record->rdata).text();
            row.flags = flags_of(a ? '4' : '6', "F");
        } else if (record->type == rrtype::cname) {
            last = data.name();
            row.address = last.text();
            row.flags = flags_of('C', "F");
        } else if (reverse) {
            row.host = data.name().text();
            row.address = reverse->text();
            row.flags = flags_of(reverse->v6 ? '6' : '4', "R");
        } else {
            row.address = in_brackets(record->type);
            row.flags = flags_of('T', "F");
        }
        found = found || record->type == type || type == rrtype::any;
        rows.push_back(std::move(row));
    }
    if (!found && rows.size() < rows_max) rows.push_back(absence_row(last, type, header->rcode() == rcode::nxdomain, expires_unix));
}

std::vector<TableRow> local_rows(const rules::LocalData& local, std::size_t rows_max) {
    std::vector<TableRow> rows;
    for (const auto& [name, entry] : local.names) {
        for (const Address& address : entry.addresses) {
            if (rows.size() >= rows_max) return rows;
            const auto pointer = local.pointers.find(wire::reverse_name(address));
            const bool reverse = pointer != local.pointers.end() && pointer->second.names.front() == name;
            rows.push_back({name.text(), address.text(),
                            flags_of(address.v6 ? '6' : '4', std::string(reverse ? "FRIH" : "FIH") + (entry.source == 0 ? "C" : "")),
                            local.sources[entry.source], std::nullopt});
        }
    }
    for (const auto& [name, alias] : local.aliases) {
        if (rows.size() >= rows_max) return rows;
        rows.push_back({name.text(), alias.target.text(), flags_of('C', "FIC"), {}, std::nullopt});
    }
    return rows;
}

}  // namespace lictor::forward
