// One reply of the Consul zone while it is made: what is asked, from which facts, and the message so far. Every part of the zone writes
// its records through here, so that header bits, TTLs, size limits, SOA, OPT and extended errors are decided in one place.
#pragma once

#include <limits>
#include <optional>
#include <string_view>

#include "resolver/core/zone.hpp"
#include "resolver/core/zone_version.hpp"

namespace lictor {

inline constexpr std::size_t record_overhead = 10;  ///< type, class, TTL, length

/// What a part of the zone came to.
enum class Outcome : std::uint8_t {
    answered,     ///< the records stand in the message (there may be none: NOERROR without SOA)
    no_data,      ///< the name exists, no record of the type: SOA
    no_name,      ///< NXDOMAIN and SOA
    wait,         ///< a fact is missing, see wait_for()
    delegate,     ///< the agent's DNS has to tell
    unencodable,  ///< what Consul knows fits no DNS name: SERVFAIL (the agent sends nothing at all)
    refused,      ///< Consul refuses the look-up: SERVFAIL, as the agent says
    expired,      ///< facts too old to be told: SERVFAIL
};

class ZoneReply {
public:
    using Section = Writer::Section;

    ZoneReply(const Question& asked, const Name& asked_domain, const ZoneContext& asked_context, std::span<std::uint8_t> buffer);

    const Question& question;
    const Name& domain;  ///< the domain of the question, lower case
    const ZoneContext& context;
    const Catalog& catalog;
    const ConsulSettings& settings;
    const bool strict;

    AgentVersion agent() const { return AgentVersion(settings.version); }
    std::int64_t second() const { return context.at.now.count() / 1'000'000; }
    /// The domain that names made for this answer end in.
    const Name& answer_domain();
    /// `label.<datacenter>.<answer domain>`; an empty datacenter is the agent's own. Valid until the next call.
    const Name& located(std::string_view label, std::string_view datacenter);
    /// `<node>.node.<datacenter>.<answer domain>`; nothing if that is no DNS name.
    std::optional<Name> node_name(std::string_view node, std::string_view datacenter);

    /// Facts without contact to Consul were used: TTL 0, and an extended error where the client understands it.
    void note_stale(bool stale) { stale_ = stale_ || stale; }
    void note_leader() { leader_ = true; }
    /// The reply is to tell this service's leader as such. False: the control thread knows already that it leads no more, and its View is on
    /// the way. `finish` looks once more.
    bool tell_leader(std::string_view service);
    /// The page of a leader service; none if there is no book.
    const LeaderPage* page_of(std::string_view service) const;
    Outcome wait_for(Need::Kind kind, std::string_view name, std::string_view datacenter, bool leader_gap = false);

    /// Each writes one record; false if there was no room (or, in `answer`, the number allowed is reached): nothing more fits there.
    bool put_address(Section section, const Name& owner, std::uint32_t ttl, const Address& address);
    bool put_name(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target);
    bool put_srv(const Name& owner, std::uint32_t ttl, std::uint16_t weight, std::uint16_t port, const Name& target,
                 std::uint16_t priority = 1);
    bool put_txt(Section section, const Name& owner, std::uint32_t ttl, std::string_view text);
    bool put_soa(Section section);
    /// SOA of a zone of its own: a leader's service.
    bool put_soa(Section section, const Name& owner, std::uint32_t serial);

    std::size_t limit_bytes() const { return limit_; }
    std::size_t answers() const { return answers_; }  ///< wanted so far, whether they found room or not
    std::size_t count(Section section) const { return writer_.count(section); }

    /// Goes back over what was written since.
    struct Mark {
        Writer::Mark place;
        std::size_t answers = 0;
    };
    Mark mark() const { return {writer_.mark(), answers_}; }
    void rewind(const Mark& mark);

    /// Starts over, for the agent's way of cutting (zone_cut.hpp): at most so many answers, no limit of size, OPT kept or lost.
    void restart(std::size_t answers_max, bool synced);
    bool synced() const { return synced_; }  ///< ADDITIONAL holds one address per SRV target and nothing else
    bool overflowed() const { return closed_[0] || closed_[1] || closed_[2]; }
    std::size_t size() const { return writer_.size() + reckoned_; }
    std::size_t uncompressed_size() const { return uncompressed_ + reckoned_; }
    /// The agent reckons with so many bytes more than it sends.
    void reckon(std::size_t more) { reckoned_ += more; }
    void lose_opt() { opt_ = false; }
    void mark_truncated() { cut_ = true; }

    ZoneVerdict finish(Outcome outcome);
    ZoneVerdict finish_error(unsigned rcode, std::optional<std::uint16_t> extended_error = {});

private:
    bool admit(Section section, std::size_t uncompressed);
    bool done(Section section, bool written);
    bool is_over() const;
    std::uint32_t ttl_of(std::uint32_t ttl) const { return stale_ ? 0 : ttl; }
    Name soa_domain();
    void begin();
    void limit();
    std::size_t opt_room() const;

    Writer writer_;
    std::size_t buffer_size_ = 0, limit_ = 0;
    std::optional<Name> answer_domain_;
    std::optional<Name> located_;  // the last of them: all targets of one answer share it
    std::string_view located_label_, located_datacenter_;
    std::optional<ZoneWait> wait_;
    const LeaderPage* told_ = nullptr;
    std::string_view told_service_;
    std::size_t answers_ = 0, answers_max_ = std::numeric_limits<std::size_t>::max();
    std::size_t uncompressed_ = 0, reckoned_ = 0;
    bool closed_[3] = {false, false, false};
    bool stale_ = false, leader_ = false, cut_ = false, synced_ = false, opt_ = true, soa_ = false;
};

}  // namespace lictor
