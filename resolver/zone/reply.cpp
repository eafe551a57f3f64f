// Looks up facts, writes records and completes the message.
#include "resolver/zone/reply.hpp"

#include <algorithm>
#include <array>

#include "conf/metrics/cause_rows.hpp"
#include "conf/metrics/causes.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::zone {
namespace {

constexpr std::uint16_t udp_without_edns = 512;

wire::Name primary_domain(const catalog::ConsulSettings& settings) {
    return wire::Name::parse(settings.domains.front()).value_or(wire::Name{});
}

}  // namespace

ZoneReply::ZoneReply(const wire::Question& asked, const wire::Name& asked_domain, const ZoneContext& asked_context,
                     std::span<std::uint8_t> buffer)
    : question(asked),
      domain(asked_domain),
      context(asked_context),
      catalog(asked_context.catalog),
      settings(*asked_context.catalog.settings),
      agent(settings.agent),
      writer_(buffer),
      buffer_size_(buffer.size()) {
    stale_ = catalog.contact_lost;
    begin();
    limit();
}

void ZoneReply::begin() {
    // lictor recurses, and caches such as dnsmasq keep only replies with RA.
    const bool ra = agent.sets_ra_always || settings.recursors;
    writer_.begin_reply(question, rcode::noerror, header_bit::aa | (ra ? header_bit::ra : 0u));
    uncompressed_ = writer_.size();
}

/// Bytes to reserve for OPT. It returns the client subnet with scope 0, as the agent does: the answer is for all clients (RFC 7871 §7.2.1).
std::size_t ZoneReply::opt_room() const {
    if (!question.edns.present) return 0;
    const bool cookie = question.edns.cookie_size != 0 && !agent.strict;
    return wire::opt_ede_size + (cookie ? wire::option_head + question.edns.cookie_size : 0u) +
           (question.edns.subnet_size != 0 ? wire::option_head + question.edns.subnet_size : 0u);
}

void ZoneReply::limit() {
    std::size_t bytes = buffer_size_;
    if (!question.over_tcp) {
        const std::size_t offered = question.edns.present ? std::max(question.edns.udp_size, udp_without_edns) : udp_without_edns;
        bytes = std::min(bytes, agent.limits_edns_size ? wire::size_limit(question.edns, false, context.udp_max) : offered);
    }
    limit_ = bytes;
    writer_.limit(bytes);
    writer_.reserve(opt_room());
}

void ZoneReply::restart(std::size_t answers_max, bool synced) {
    answers_ = unsent_ = 0;
    answers_max_ = answers_max;
    synced_ = synced;
    std::fill(std::begin(closed_), std::end(closed_), false);
    cut_ = soa_ = false;
    begin();
    writer_.limit(buffer_size_);
    writer_.reserve(opt_room());
}

void ZoneReply::rewind(const Mark& mark) {
    writer_.rewind(mark.place);
    answers_ = mark.answers;
    std::fill(std::begin(closed_), std::end(closed_), false);
}

const wire::Name& ZoneReply::answer_domain() {
    if (!answer_domain_) {
        using Domain = catalog::AgentBehaviour::Domain;
        const bool elsewhere = !question.lower.is_below_or_equal(domain);  // below arpa: `domain` is the primary one
        if (agent.names_end_in == Domain::of_query || elsewhere) answer_domain_ = domain;
        else if (agent.names_end_in == Domain::primary) answer_domain_ = primary_domain(settings);
        else answer_domain_ = question.name.parent(question.name.label_count() - domain.label_count());
    }
    return *answer_domain_;
}

const wire::Name& ZoneReply::located(std::string_view label, std::string_view datacenter) {
    if (!located_ || located_label_ != label || located_datacenter_ != datacenter) {
        located_ = answer_domain();
        located_->prepend(datacenter.empty() ? std::string_view(settings.datacenter) : datacenter);
        located_->prepend(label);
        located_label_ = label;
        located_datacenter_ = datacenter;
    }
    return *located_;
}

std::optional<wire::Name> ZoneReply::node_name(std::string_view node, std::string_view datacenter) {
    std::optional<wire::Name> name;
    if (node.find('.') == std::string_view::npos && node.find('\\') == std::string_view::npos) {
        name = located("node", datacenter);
        if (!name->prepend(node)) name.reset();
    } else {
        name = wire::Name::parse(node);
        if (name && !name->append(located("node", datacenter))) name.reset();
    }
    return name;
}

wire::Name ZoneReply::addr_name(const Address& address, std::string_view datacenter) {
    static constexpr char digits[] = "0123456789abcdef";
    std::array<char, 32> hex;
    std::size_t size = 0;
    for (const std::uint8_t byte : address.raw()) {
        hex[size++] = digits[byte >> 4];
        hex[size++] = digits[byte & 0xf];
    }
    wire::Name name = located("addr", datacenter);
    name.prepend({hex.data(), size});
    return name;
}

template <class Facts>
Outcome ZoneReply::judge(const Facts& facts, catalog::Need::Kind kind, std::string_view name, std::string_view datacenter) {
    if (!context.witness) facts.usage->touch(second());
    switch (facts.state) {
        case catalog::FactState::known: note_stale(facts.stale); return Outcome::answered;
        case catalog::FactState::loading: return wait_for(kind, name, datacenter);
        case catalog::FactState::failed: return facts.no_datacenter ? Outcome::no_name : Outcome::delegate;
        case catalog::FactState::delegated: break;
    }
    return Outcome::delegate;
}

Outcome ZoneReply::find_service(std::string_view service, std::string_view datacenter, const catalog::ServiceEntry*& entry) {
    if (catalog.expired) return Outcome::expired;
    std::array<char, 256> text;  // both parts are of one name, so they fit
    std::string_view key = service;
    if (!datacenter.empty()) {  // the form of catalog::service_key, without an allocation
        auto* end = std::copy(service.begin(), service.end(), text.data());
        *end++ = '\0';
        end = std::copy(datacenter.begin(), datacenter.end(), end);
        key = {text.data(), static_cast<std::size_t>(end - text.data())};
    }
    const auto found = catalog.services->find(key);
    if (context.witness) context.witness->service(service, datacenter, found == catalog.services->end() ? nullptr : found->second.get());
    if (found == catalog.services->end()) return wait_for(catalog::Need::Kind::service, service, datacenter);
    entry = found->second.get();
    return judge(*entry, catalog::Need::Kind::service, service, datacenter);
}

Outcome ZoneReply::find_nodes(std::string_view datacenter, const catalog::NodeTable*& table) {
    if (catalog.expired) return Outcome::expired;
    if (context.witness) context.witness->node_tables.emplace_back(datacenter);
    const auto found = catalog.nodes->find(datacenter);
    if (found == catalog.nodes->end()) return wait_for(catalog::Need::Kind::nodes, {}, datacenter);
    table = found->second.get();
    return judge(*table, catalog::Need::Kind::nodes, {}, datacenter);
}

const view::RuntimeEntry* ZoneReply::runtime_of(std::string_view service) const {
    if (!context.runtime) return nullptr;
    const auto found = context.runtime->find(service);
    return found == context.runtime->end() ? nullptr : found->second.get();
}

void ZoneReply::note_leader(std::string_view service) {
    leader_ = true;
    const auto* runtime = runtime_of(service);
    if (runtime && !context.witness) runtime->usage->touch(second());
}

bool ZoneReply::name_leader(std::string_view service) {
    leader_runtime_ = runtime_of(service);
    leader_service_ = service;
    if (context.witness && is_deposed()) context.witness->deposed = true;
    return !is_deposed();
}

bool ZoneReply::is_deposed() const {
    return leader_runtime_ && leader_runtime_->answerable && leader_runtime_->counters->deposed.load(std::memory_order_acquire);
}

Outcome ZoneReply::wait_for(catalog::Need::Kind kind, std::string_view name, std::string_view datacenter) {
    wait_ = {.kind = answer::Answer::Kind::waits, .need = {kind, std::string(name), std::string(datacenter)}};
    return Outcome::wait;
}

Outcome ZoneReply::wait_for_leader(std::string_view service) {
    wait_ = {.kind = answer::Answer::Kind::waits, .need = {catalog::Need::Kind::leader, std::string(service), {}}, .leader_gap = true};
    return Outcome::wait;
}

bool ZoneReply::admit(Section section, std::size_t uncompressed) {
    if (section == Section::answer && answers_++ >= answers_max_) return false;
    if (closed_[static_cast<std::size_t>(section)]) return false;
    uncompressed_ += uncompressed + record_overhead;
    return true;
}

bool ZoneReply::done(Section section, bool written) {
    if (written) return true;
    closed_[static_cast<std::size_t>(section)] = true;
    cut_ = cut_ || section == Section::answer;  // RFC 2181 §9: a missing additional record is no truncation
    return false;
}

bool ZoneReply::put_address(Section section, const wire::Name& owner, std::uint32_t ttl, const Address& address) {
    return admit(section, owner.size() + address.raw().size()) &&
           done(section, writer_.address_record(section, owner, ttl_of(ttl), address));
}

bool ZoneReply::put_name(Section section, const wire::Name& owner, std::uint16_t type, std::uint32_t ttl, const wire::Name& target) {
    return admit(section, owner.size() + target.size()) && done(section, writer_.name_record(section, owner, type, ttl_of(ttl), target));
}

bool ZoneReply::put_srv(const wire::Name& owner, std::uint32_t ttl, std::uint16_t weight, std::uint16_t port, const wire::Name& target,
                        std::uint16_t priority) {
    return put_record(Section::answer, owner, rrtype::srv, ttl, 6 + target.size(), [&](wire::Writer& data) {
        data.put_u16(priority);
        data.put_u16(weight);
        data.put_u16(port);
        data.put_name(target, wire::Writer::Form::whole);
    });
}

bool ZoneReply::put_txt(Section section, const wire::Name& owner, std::uint32_t ttl, std::string_view text) {
    return put_record(section, owner, rrtype::txt, ttl, text.size() + 1, [&](wire::Writer& data) {
        do {  // RFC 1035 §3.3.14: strings of at most 255 bytes
            const auto part = text.substr(0, 255);
            data.put_u8(static_cast<std::uint8_t>(part.size()));
            data.put_bytes({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
            text.remove_prefix(part.size());
        } while (!text.empty());
    });
}

wire::Name ZoneReply::soa_domain() {
    if (agent.names_end_in != catalog::AgentBehaviour::Domain::as_typed) return answer_domain();
    // Such an agent sends the SOA of another domain than the primary one only for names strictly below it that are typed in lower case.
    const wire::Bytes name = question.name.wire();
    const bool below = name.size() > domain.size() && std::ranges::equal(name.last(domain.size()), domain.wire());
    return below ? domain : primary_domain(settings);
}

bool ZoneReply::put_soa(Section section) {
    return put_soa(section, soa_domain(), static_cast<std::uint32_t>(context.at.unix_seconds), settings.soa_min_ttl);
}

bool ZoneReply::put_leader_soa(const wire::Name& owner, std::uint32_t serial) { return put_soa(Section::answer, owner, serial, 0); }

bool ZoneReply::put_soa(Section section, const wire::Name& owner, std::uint32_t serial, std::uint32_t ttl) {
    soa_ = true;
    const SoaData soa(soa_domain(), serial, settings);
    return put_record(section, owner, rrtype::soa, ttl, soa.size(), [&](wire::Writer& data) { soa.put(data); });
}

SoaData::SoaData(const wire::Name& domain, std::uint32_t serial, const catalog::ConsulSettings& settings)
    : primary_(domain), mailbox_(domain), serial_(serial), settings_(settings) {
    primary_.prepend("ns");
    mailbox_.prepend("hostmaster");
}

void SoaData::put(wire::Writer& writer) const {
    writer.put_name(primary_, wire::Writer::Form::compressed);
    writer.put_name(mailbox_, wire::Writer::Form::compressed);
    for (const std::uint32_t number : {serial_, settings_.soa_refresh, settings_.soa_retry, settings_.soa_expire, settings_.soa_min_ttl})
        writer.put_u32(number);
}

std::optional<answer::Answer> ZoneReply::finish(Outcome outcome) {
    using answer::Cause;
    if (outcome == Outcome::no_name && context.has_local_data) outcome = Outcome::no_data;
    // The leader may have been deposed while the answer was made.
    if (outcome == Outcome::answered && is_deposed()) outcome = wait_for_leader(leader_service_);
    switch (outcome) {
        case Outcome::wait: return std::move(wait_);
        case Outcome::delegate: return std::nullopt;
        case Outcome::expired: return fail(Cause::consul_expired);
        case Outcome::refused: return fail(Cause::consul_refuses);
        case Outcome::unencodable: return fail(Cause::unencodable);
        case Outcome::answered:
        case Outcome::no_data:
        case Outcome::no_name: break;
    }
    if (leader_runtime_ && outcome == Outcome::answered && !context.witness) leader_runtime_->counters->count_answer(context.at.now);
    if (outcome != Outcome::answered && !soa_) put_soa(Section::authority);
    writer_.set_rcode(outcome == Outcome::no_name ? rcode::nxdomain : rcode::noerror);
    if (cut_) writer_.set_tc();
    const Cause cause = !stale_ ? Cause::none : catalog.contact_lost ? Cause::consul_stale : Cause::watch_stale;
    answer::Answer answer = from_zone({cause, seconds_without_contact()});
    answer.source = leader_ ? answer::Source::leader : answer::Source::consul;
    answer.truncated = cut_;
    if (!opt_) answer.opt = answer::Opt::none;
    return answer;
}

answer::Answer ZoneReply::fail(answer::Cause cause) {
    begin();
    limit();
    writer_.set_rcode(metrics::row_of(cause)->rcode.value_or(rcode::servfail));
    return from_zone({cause, seconds_without_contact()});
}

answer::Answer ZoneReply::from_zone(answer::Reason reason) {
    answer::Answer answer = answer::Answer::from(answer::Source::error, writer_.finish().size(), reason);
    answer.opt = agent.limits_edns_size ? answer::Opt::zone : answer::Opt::agents;
    return answer;
}

std::uint32_t ZoneReply::seconds_without_contact() const {
    return catalog.contact_lost ? answer::whole_seconds(std::max(context.at.now - catalog.contact_lost_at, microseconds{0})) : 0;
}

}  // namespace lictor::zone
