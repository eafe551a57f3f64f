// One reply of the Consul zone while it is made: the query, the Catalog, the message so far. All parts of the zone look up facts and
// write records through it, so that fact states, header bits, TTLs, size limits, SOA and extended errors are decided in one place.
#pragma once

#include <limits>
#include <optional>
#include <string_view>

#include "resolver/zone/zone.hpp"

namespace lictor::zone {

inline constexpr std::size_t record_overhead = 10;  ///< type, class, TTL, length

/// The result of a part of the zone.
enum class Outcome : std::uint8_t {
    answered,     ///< the records are in the message (possibly none: NOERROR without SOA)
    no_data,      ///< the name exists, no record of the type: SOA
    no_name,      ///< NXDOMAIN and SOA
    wait,         ///< a fact is missing, as passed to wait_for or wait_for_leader
    delegate,     ///< the agent's DNS is asked
    unencodable,  ///< a registered name is not a DNS name: SERVFAIL (the agent sends no reply)
    refused,      ///< Consul refuses the look-up: SERVFAIL, as from the agent
    expired,      ///< the facts are older than consul-max-stale: SERVFAIL
};

/// The data of an SOA as the agent writes it: `ns.` and `hostmaster.` of `domain`, and the settings' numbers. `settings` must outlive it.
class SoaData {
public:
    SoaData(const wire::Name& domain, std::uint32_t serial, const catalog::ConsulSettings& settings);
    std::size_t size() const { return primary_.size() + mailbox_.size() + 20; }  ///< bytes at most
    void put(wire::Writer& writer) const;

private:
    wire::Name primary_, mailbox_;
    std::uint32_t serial_;
    const catalog::ConsulSettings& settings_;
};

/// Made for one query, on the stack. All references passed to it must outlive it.
class ZoneReply {
public:
    using Section = wire::Writer::Section;

    ZoneReply(const wire::Question& asked, const wire::Name& asked_domain, const ZoneContext& asked_context,
              std::span<std::uint8_t> buffer);

    const wire::Question& question;
    const wire::Name& domain;  ///< the domain of the query, lower case
    const ZoneContext& context;
    const catalog::Catalog& catalog;
    const catalog::ConsulSettings& settings;
    const catalog::AgentBehaviour& agent;

    /// Looks up a service's facts and marks them as used. `answered`: they are known, and `entry` is set. An empty datacenter is the
    /// agent's own.
    Outcome find_service(std::string_view service, std::string_view datacenter, const catalog::ServiceEntry*& entry);
    /// Like `find_service`, for the nodes of a datacenter.
    Outcome find_nodes(std::string_view datacenter, const catalog::NodeTable*& table);
    /// The moment of the query in whole seconds, on the monotonic clock.
    std::int64_t second() const { return context.at.now.count() / 1'000'000; }
    /// True if addresses in that datacenter are translated (translate_wan_addrs).
    bool is_translated(std::string_view datacenter) const { return !datacenter.empty() && settings.translate_wan; }
    /// The domain at the end of names made for this answer, see AgentBehaviour::names_end_in.
    const wire::Name& answer_domain();
    /// `label.<datacenter>.<answer domain>`; an empty datacenter is the agent's own. Valid until the next call.
    const wire::Name& located(std::string_view label, std::string_view datacenter);
    /// `<node>.node.<datacenter>.<answer domain>`; nothing if that is not a DNS name.
    std::optional<wire::Name> node_name(std::string_view node, std::string_view datacenter);
    /// `<hex>.addr.<datacenter>.<answer domain>`: the name that Consul makes for an address.
    wire::Name addr_name(const Address& address, std::string_view datacenter);

    /// Facts without contact to Consul were used: TTL 0, and an extended error if the client sent OPT.
    void note_stale(bool stale) { stale_ = stale_ || stale; }
    /// The answer is counted and logged as a leader's.
    void note_leader(std::string_view service);
    /// The reply will contain the address of this service's leader. False if the control thread has deposed that leader since the View was
    /// published: the query waits for the next View. `finish` checks this again.
    bool name_leader(std::string_view service);
    /// The runtime entry of a leader service; null if there is none.
    const view::RuntimeEntry* runtime_of(std::string_view service) const;
    /// The query waits for this fact.
    Outcome wait_for(catalog::Need::Kind kind, std::string_view name, std::string_view datacenter);
    /// The query waits in the gap of this service's leader (`leader-hold`).
    Outcome wait_for_leader(std::string_view service);

    /// Each writes one record. False if it did not fit or, in `answer`, if the allowed number is reached; the section then takes no more
    /// records.
    bool put_address(Section section, const wire::Name& owner, std::uint32_t ttl, const Address& address);
    /// CNAME, NS or PTR; the target is compressed.
    bool put_name(Section section, const wire::Name& owner, std::uint16_t type, std::uint32_t ttl, const wire::Name& target);
    /// SRV in `answer`; the target is not compressed (RFC 2782). Priority 1 as in Consul.
    bool put_srv(const wire::Name& owner, std::uint32_t ttl, std::uint16_t weight, std::uint16_t port, const wire::Name& target,
                 std::uint16_t priority = 1);
    /// TXT: any bytes, cut into character-strings of at most 255 (RFC 1035 §3.3.14).
    bool put_txt(Section section, const wire::Name& owner, std::uint32_t ttl, std::string_view text);
    /// A record of any type: `write(wire::Writer&)` writes its data, which has `data_size` bytes uncompressed.
    template <class Write>
    bool put_record(Section section, const wire::Name& owner, std::uint16_t type, std::uint32_t ttl, std::size_t data_size,
                    const Write& write) {
        if (!admit(section, owner.size() + data_size)) return false;
        if (!writer_.begin_record(section, owner, type, rrclass::in, ttl_of(ttl))) return done(section, false);
        write(writer_);
        return done(section, writer_.end_record());
    }
    /// The zone's SOA; its serial is the Unix time, as the agent's.
    bool put_soa(Section section);
    /// SOA of the zone of a leader's service: `owner` is its apex. TTL 0, as all records of a leader: a kept serial would hide a change.
    bool put_leader_soa(const wire::Name& owner, std::uint32_t serial);

    /// Largest reply for this client in bytes, with OPT. `restart` does not change it.
    std::size_t limit_bytes() const { return limit_; }
    std::size_t answers() const { return answers_; }  ///< number of records for `answer` so far, also of those that did not fit
    /// Records in the message.
    std::size_t count(Section section) const { return writer_.count(section); }

    /// A position between two records; `rewind` removes the records after it.
    struct Mark {
        wire::Writer::Mark place;
        std::size_t answers = 0;
    };
    Mark mark() const { return {writer_.mark(), answers_}; }
    /// Removes the records after `mark`, and opens the sections again that took no more records. TC stays set if an answer did not fit.
    void rewind(const Mark& mark);

    /// Starts over, to be cut by the agent's rules (cut.hpp): at most `answers_max` answers, limited by the buffer only.
    void restart(std::size_t answers_max, bool synced);
    /// ADDITIONAL holds one address for each SRV target and nothing else, as the agent leaves it after a cut.
    bool synced() const { return synced_; }
    /// True if a record did not fit in some section.
    bool overflowed() const { return closed_[0] || closed_[1] || closed_[2]; }
    /// Bytes of the message as the agent computes them, without OPT: with and without compression.
    std::size_t size() const { return writer_.size() + unsent_; }
    std::size_t uncompressed_size() const { return uncompressed_ + unsent_; }
    /// Adds to size() `more` bytes that the agent counts but does not send.
    void count_unsent(std::size_t more) { unsent_ += more; }
    /// The reply gets no OPT, as the agent's after a cut.
    void lose_opt() { opt_ = false; }
    /// The reply gets TC.
    void mark_truncated() { cut_ = true; }

    /// Completes the message by `outcome` (SOA, RCODE, TC), without OPT. Nothing for `delegate`: the agent's DNS is asked.
    std::optional<answer::Answer> finish(Outcome outcome);
    /// A failure with the cause's response code in place of the message.
    answer::Answer fail(answer::Cause cause);

private:
    template <class Facts>
    Outcome judge(const Facts& facts, catalog::Need::Kind kind, std::string_view name, std::string_view datacenter);
    bool admit(Section section, std::size_t uncompressed);
    bool done(Section section, bool written);
    bool is_deposed() const;
    std::uint32_t ttl_of(std::uint32_t ttl) const { return stale_ ? 0 : ttl; }
    wire::Name soa_domain();
    bool put_soa(Section section, const wire::Name& owner, std::uint32_t serial, std::uint32_t ttl);
    void begin();
    void limit();
    std::size_t opt_room() const;
    answer::Answer from_zone(answer::Reason reason);
    std::uint32_t seconds_without_contact() const;

    wire::Writer writer_;
    std::size_t buffer_size_ = 0, limit_ = 0;
    std::optional<wire::Name> answer_domain_;
    std::optional<wire::Name> located_;  // of the last call: all targets of one answer have the same labels
    std::string_view located_label_, located_datacenter_;
    answer::Answer wait_;                                 // of the last wait_for or wait_for_leader
    const view::RuntimeEntry* leader_runtime_ = nullptr;  // of the leader whose address is in the reply
    std::string_view leader_service_;
    std::size_t answers_ = 0, answers_max_ = std::numeric_limits<std::size_t>::max();
    std::size_t uncompressed_ = 0, unsent_ = 0;
    bool closed_[3] = {false, false, false};
    bool stale_ = false, leader_ = false, cut_ = false, synced_ = false, opt_ = true, soa_ = false;
};

}  // namespace lictor::zone
