// Finds the addresses of host names in Consul's data, and applies the agent's limits behind an alias.
#include "resolver/zone/target.hpp"

#include <algorithm>
#include <array>

namespace lictor::zone {
namespace {

constexpr std::size_t chain_max = 5;
constexpr std::size_t inner_answers_max = 8;
constexpr std::size_t inner_bytes_max = 512 - 7 - 12;  // uncompressed, without a question

/// Key of Catalog::hosts: lower case, without the final dot.
class HostKey {
public:
    explicit HostKey(const wire::Name& lower) {
        const wire::Bytes wire = lower.wire();
        for (std::size_t at = 0; wire[at] != 0;) {
            const std::size_t end = at + 1 + wire[at];
            if (size_ > 0) text_[size_++] = '.';
            for (++at; at < end; ++at) text_[size_++] = static_cast<char>(wire[at]);
        }
    }
    std::string_view view() const { return {text_.data(), size_}; }

private:
    std::array<char, 256> text_;
    std::size_t size_ = 0;
};

const catalog::HostEntry* find_host(ZoneReply& reply, const HostKey& key) {
    const auto found = reply.catalog.hosts->find(key.view());
    const bool known = found != reply.catalog.hosts->end();
    if (reply.context.witness) reply.context.witness->host(key.view(), known ? found->second.get() : nullptr);
    if (!known) return nullptr;
    if (!reply.context.witness) found->second->usage->touch(reply.second());
    return found->second.get();
}

}  // namespace

bool Room::take(std::size_t size) {
    for (Room* at = this; at; at = at->outer) {
        if (at->records > 0 && (at->empty || at->bytes >= size)) continue;
        at->records = 0;
        return false;
    }
    for (Room* at = this; at; at = at->outer) {
        --at->records;
        at->bytes -= std::min(at->bytes, size);
        at->empty = false;
    }
    return true;
}

std::optional<Room> room_behind_alias(const ZoneReply& reply, const Into& into) {
    if (!reply.agent.limits_alias_records || into.leader) return std::nullopt;
    if (reply.question.edns.present && into.nesting == nesting_max) return std::nullopt;
    return Room{.records = chain_max, .outer = into.room};
}

std::optional<Room> room_of_inner_answer(const ZoneReply& reply, const Into& into) {
    if (!reply.agent.limits_inner_answers || into.leader || into.nesting == nesting_max) return std::nullopt;
    return Room{
        .records = std::min<std::size_t>(inner_answers_max, reply.settings.udp_answer_limit), .bytes = inner_bytes_max, .outer = into.room};
}

std::optional<wire::Name> consul_domain_of(const ZoneReply& reply, const wire::Name& lower) {
    std::optional<wire::Name> found;
    const auto consider = [&](const wire::Name& domain) {
        if (lower.size() > domain.size() && lower.is_below_or_equal(domain) && (!found || domain.size() > found->size())) found = domain;
    };
    consider(reply.domain);
    for (const auto& text : reply.settings.domains)
        if (const auto domain = wire::Name::parse(text)) consider(*domain);
    return found;
}

std::optional<wire::Name> name_of(const catalog::HostText& host) { return wire::Name::parse(host.text); }

bool is_dead_end(ZoneReply& reply, const catalog::HostText& host) {
    const auto name = name_of(host);
    if (!name) return true;
    const wire::Name lower = name->lower();
    if (consul_domain_of(reply, lower)) return false;
    const catalog::HostEntry* entry = find_host(reply, HostKey(lower));
    return entry && entry->state != catalog::FactState::loading && entry->v4.empty() && entry->v6.empty();
}

Outcome add_host(ZoneReply& reply, const wire::Name& owner, const wire::Name& lower, const Into& into) {
    // The agent adds the answer of its recursors, so only the agent can answer. Without recursors it adds nothing.
    if (!reply.agent.resolves_host_names && !into.leader) return reply.settings.recursors ? Outcome::delegate : Outcome::no_data;
    if (into.type == rrtype::txt || !serves_addresses(into.type)) return Outcome::no_data;
    const HostKey key(lower);
    const catalog::HostEntry* host = find_host(reply, key);
    if (!host || host->state == catalog::FactState::loading) return reply.wait_for(catalog::Need::Kind::host, key.view(), {});
    if (host->state != catalog::FactState::known) return Outcome::no_data;
    Outcome outcome = Outcome::no_data;
    const auto add = [&](const std::vector<Address>& addresses) {
        for (const Address& address : addresses) {
            if ((into.one && outcome == Outcome::answered) || !into.take(owner, address)) return;
            if (into.seen && !into.seen->add(address)) continue;
            outcome = Outcome::answered;
            reply.put_address(into.section, owner, into.ttl.value_or(into.host_ttl), address);
        }
    };
    if (into.type != rrtype::aaaa) add(host->v4);
    if (into.type != rrtype::a) add(host->v6);
    return outcome;
}

Outcome add_alias(ZoneReply& reply, const wire::Name& owner, const wire::Name& target, std::uint32_t ttl, const Into& into) {
    if (!into.flat) reply.put_name(into.section, owner, rrtype::cname, ttl, target);
    const Outcome outcome = add_target(reply, target, into, &owner);
    return into.leader || outcome == Outcome::wait || outcome == Outcome::delegate ? outcome : Outcome::answered;
}

}  // namespace lictor::zone
