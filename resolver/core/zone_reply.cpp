// A reply's frame: header, limits, SOA, OPT.
#include "resolver/core/zone_reply.hpp"

#include <algorithm>

namespace lictor {
namespace {

constexpr std::uint16_t udp_without_edns = 512;

Name root_domain(const ConsulSettings& settings) {
    return Name::parse(settings.domains.front()).value_or(Name{});
}

}  // namespace

ZoneReply::ZoneReply(const Question& asked, const Name& asked_domain, const ZoneContext& asked_context, std::span<std::uint8_t> buffer)
    : question(asked),
      domain(asked_domain),
      context(asked_context),
      catalog(asked_context.catalog),
      settings(*asked_context.catalog.settings),
      strict(settings.strict),
      writer_(buffer),
      buffer_size_(buffer.size()) {
    stale_ = catalog.contact_lost;
    begin();
    limit();
}

void ZoneReply::begin() {
    // A forwarder beside the client does recurse; caches such as dnsmasq keep only what says so.
    writer_.begin_reply(question, rcode::noerror, true, !strict || settings.recursors);
    uncompressed_ = writer_.size();
}

/// The agent gives a client subnet back, with scope 0: the answer is good for everybody (RFC 7871 §7.2.1).
std::size_t ZoneReply::opt_room() const {
    if (!question.edns.present) return 0;
    return Writer::opt_ede_size + (question.edns.subnet_size != 0 ? Writer::option_head + question.edns.subnet_size : 0u);
}

void ZoneReply::limit() {
    std::size_t bytes = buffer_size_;
    if (!question.over_tcp) {
        const std::size_t most = strict ? message_max : std::max<std::size_t>(context.udp_max, udp_without_edns);
        const std::size_t offered = question.edns.present ? std::max(question.edns.udp_size, udp_without_edns) : udp_without_edns;
        bytes = std::min({bytes, most, offered});
    }
    limit_ = bytes;
    writer_.limit(bytes);
    writer_.reserve(opt_room());
}

void ZoneReply::restart(std::size_t answers_max, bool synced) {
    answers_ = reckoned_ = 0;
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

const Name& ZoneReply::answer_domain() {
    if (!answer_domain_) {
        if (!strict || !question.lower.is_below_or_equal(domain))
            answer_domain_ = domain;  // below arpa: the primary one is given
        else if (!agent().at_least(11))
            answer_domain_ = root_domain(settings);
        else
            answer_domain_ = question.name.parent(question.name.label_count() - domain.label_count());  // letter case as asked
    }
    return *answer_domain_;
}

const Name& ZoneReply::located(std::string_view label, std::string_view datacenter) {
    if (!located_ || located_label_ != label || located_datacenter_ != datacenter) {
        located_ = answer_domain();
        located_->prepend(datacenter.empty() ? std::string_view(settings.datacenter) : datacenter);
        located_->prepend(label);
        located_label_ = label;
        located_datacenter_ = datacenter;
    }
    return *located_;
}

std::optional<Name> ZoneReply::node_name(std::string_view node, std::string_view datacenter) {
    std::optional<Name> name;
    if (node.find('.') == std::string_view::npos && node.find('\\') == std::string_view::npos) {
        name = located("node", datacenter);
        if (!name->prepend(node)) name.reset();
    } else {
        name = Name::parse(node);
        if (name && !name->append(located("node", datacenter))) name.reset();
    }
    return name;
}

const LeaderPage* ZoneReply::page_of(std::string_view service) const {
    if (!context.book) return nullptr;
    const auto found = context.book->find(service);
    return found == context.book->end() ? nullptr : found->second.get();
}

bool ZoneReply::tell_leader(std::string_view service) {
    told_ = page_of(service);
    told_service_ = service;
    return !is_over();
}

bool ZoneReply::is_over() const { return told_ && told_->answerable && told_->tally->deposed.load(std::memory_order_acquire); }

Outcome ZoneReply::wait_for(Need::Kind kind, std::string_view name, std::string_view datacenter, bool leader_gap) {
    wait_ = ZoneWait{{kind, std::string(name), std::string(datacenter)}, leader_gap};
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
    cut_ = cut_ || section == Section::answer;  // RFC 2181 §9: additional records that find no room truncate nothing
    return false;
}

bool ZoneReply::put_address(Section section, const Name& owner, std::uint32_t ttl, const Address& address) {
    return admit(section, owner.size() + address.raw().size()) &&
           done(section, writer_.address_record(section, owner, ttl_of(ttl), address));
}

bool ZoneReply::put_name(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target) {
    return admit(section, owner.size() + target.size()) && done(section, writer_.name_record(section, owner, type, ttl_of(ttl), target));
}

bool ZoneReply::put_srv(const Name& owner, std::uint32_t ttl, std::uint16_t weight, std::uint16_t port, const Name& target,
                        std::uint16_t priority) {
    if (!admit(Section::answer, owner.size() + 6 + target.size())) return false;
    if (!writer_.begin_record(Section::answer, owner, rrtype::srv, rrclass::in, ttl_of(ttl))) return done(Section::answer, false);
    writer_.put_u16(priority);
    writer_.put_u16(weight);
    writer_.put_u16(port);
    writer_.put_name(target, false);
    return done(Section::answer, writer_.end_record());
}

bool ZoneReply::put_txt(Section section, const Name& owner, std::uint32_t ttl, std::string_view text) {
    if (!admit(section, owner.size() + text.size() + 1)) return false;
    if (!writer_.begin_record(section, owner, rrtype::txt, rrclass::in, ttl_of(ttl))) return done(section, false);
    do {  // RFC 1035 §3.3.14: strings of at most 255 bytes
        const auto part = text.substr(0, 255);
        writer_.put_u8(static_cast<std::uint8_t>(part.size()));
        writer_.put_bytes({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
        text.remove_prefix(part.size());
    } while (!text.empty());
    return done(section, writer_.end_record());
}

Name ZoneReply::soa_domain() {
    if (!strict || !agent().at_least(11)) return answer_domain();
    // Since 1.11 the other domain's SOA is given only for names strictly below it, typed in lower case.
    const Bytes name = question.name.wire();
    const bool below = name.size() > domain.size() && std::ranges::equal(name.last(domain.size()), domain.wire());
    return below ? domain : root_domain(settings);
}

bool ZoneReply::put_soa(Section section) { return put_soa(section, soa_domain(), static_cast<std::uint32_t>(context.at.unix_seconds)); }

bool ZoneReply::put_soa(Section section, const Name& owner, std::uint32_t serial) {
    Name primary = soa_domain(), mailbox = primary;
    primary.prepend("ns");
    mailbox.prepend("hostmaster");
    soa_ = true;
    if (!admit(section, owner.size() + primary.size() + mailbox.size() + 20)) return false;
    if (!writer_.begin_record(section, owner, rrtype::soa, rrclass::in, ttl_of(settings.soa_min_ttl))) return done(section, false);
    writer_.put_name(primary, true);
    writer_.put_name(mailbox, true);
    writer_.put_u32(serial);
    writer_.put_u32(settings.soa_refresh);
    writer_.put_u32(settings.soa_retry);
    writer_.put_u32(settings.soa_expire);
    writer_.put_u32(settings.soa_min_ttl);
    return done(section, writer_.end_record());
}

ZoneVerdict ZoneReply::finish(Outcome outcome) {
    if (outcome == Outcome::no_name && context.stated) outcome = Outcome::no_data;
    // The news came while the answer was made.
    if (outcome == Outcome::answered && is_over()) outcome = wait_for(Need::Kind::leader, told_service_, {}, true);
    switch (outcome) {
        case Outcome::wait:
            return std::move(*wait_);
        case Outcome::delegate:
            return ZoneDelegate{};
        case Outcome::expired:
            return finish_error(rcode::servfail, ede::no_reachable_authority);
        case Outcome::refused:
            return finish_error(rcode::servfail);
        case Outcome::unencodable:
            return finish_error(rcode::servfail, ede::other);
        case Outcome::answered:
        case Outcome::no_data:
        case Outcome::no_name:
            break;
    }
    if (told_ && outcome == Outcome::answered) told_->tally->told(context.at.now);
    const bool no_name = outcome == Outcome::no_name;
    if (outcome != Outcome::answered && !soa_) put_soa(Section::authority);
    const unsigned code = no_name ? rcode::nxdomain : rcode::noerror;
    writer_.set_rcode(code);
    if (cut_) writer_.set_tc();
    if (question.edns.present && opt_) {
        std::optional<std::uint16_t> error;
        if (stale_) error = no_name ? ede::stale_nxdomain : ede::stale_answer;
        // Only the size is lictor's own; the agent gives back the client's.
        const auto size = strict ? question.edns.udp_size : static_cast<std::uint16_t>(context.udp_max);
        writer_.reserve(0);
        writer_.write_opt(size, false, code, error, question.edns.subnet_option());
    }
    return ZoneAnswer{writer_.finish().size(), code, leader_, stale_, cut_};
}

ZoneVerdict ZoneReply::finish_error(unsigned code, std::optional<std::uint16_t> extended_error) {
    begin();
    limit();
    writer_.set_rcode(code);
    if (question.edns.present) {
        const auto size = strict ? question.edns.udp_size : static_cast<std::uint16_t>(context.udp_max);
        writer_.reserve(0);
        writer_.write_opt(size, false, code, extended_error, question.edns.subnet_option());
    }
    return ZoneAnswer{writer_.finish().size(), code, leader_, stale_, false};
}

}  // namespace lictor
