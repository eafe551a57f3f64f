// Two questions per name (A and AAAA) through the same forwarding core that the workers use.
#include "resolver/host_resolver.hpp"

#include <algorithm>

namespace lictor {
namespace {

constexpr std::size_t lookups_max = 1024;
constexpr std::size_t attempts_max = 256;

/// Addresses of the asked type in a reply's answer section; the forwarding core has cut it to the question's own chain.
/// Nothing if the reply says that the question failed, which tells nothing of the name.
std::optional<std::vector<Address>> addresses_in(Bytes reply, std::uint16_t type) {
    std::vector<Address> found;
    const auto header = read_header(reply);
    if (!header || (header->rcode() != rcode::noerror && header->rcode() != rcode::nxdomain)) return std::nullopt;
    Reader reader(reply);
    reader.skip(header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    for (unsigned i = 0; i < header->ancount && found.size() < 64; ++i) {
        const auto record = read_record(reader);
        if (!record) break;
        if (record->type == type && record->rdata.size() == (type == rrtype::a ? 4u : 16u)) found.push_back(Address::from_bytes(record->rdata));
    }
    return found;
}

}  // namespace

HostResolver::HostResolver(Loop& loop, Random& random)
    : random_(random), forward_(own_, random_), tick_(loop, [this] {
          forward_.on_tick(Loop::moment(), actions_);
          perform();
      }),
      end_loops_(loop, [this] {
          for (const AttemptId attempt : std::exchange(loops_, {})) links_->close(attempt);
      }) {
    links_ = std::make_unique<Links>(
        loop, random_, attempts_max,
        [this](AttemptId attempt, Bytes message) {
            forward_.on_reply(attempt, message, Loop::moment(), actions_);
            perform();
        },
        [this](AttemptId attempt) {
            forward_.on_failure(attempt, Loop::moment(), actions_);
            perform();
        });
}

HostResolver::~HostResolver() = default;

void HostResolver::adopt(const std::shared_ptr<const Rules>& rules) {
    auto own = std::make_shared<Rules>(*rules);
    own->cache_entries = 0;
    own->log_queries = false;
    own->stale_for.reset();
    // The fixed ports are the workers'.
    own->query_port.reset();
    for (Upstream& upstream : own->upstreams)
        if (upstream.source) upstream.source->port = 0;
    rules_ = own;
    forward_.adopt(own, Loop::now());
}

void HostResolver::resolve(const std::string& host, std::function<void(const HostAnswer&)> done) {
    const auto name = Name::parse(host);
    if (!name || lookups_.size() >= lookups_max) return done({});
    const Name lower = name->lower();
    if (const auto local = rules_->local->names.find(lower); local != rules_->local->names.end()) {
        HostAnswer found{.v4 = std::vector<Address>(), .v6 = std::vector<Address>()};
        for (const Address& address : local->second.addresses) (address.v6 ? found.v6 : found.v4)->push_back(address);
        return done(found);
    }
    const auto [row, fresh] = lookups_.try_emplace(lower.text());
    row->second.waiters.push_back(std::move(done));
    if (!fresh) return;
    row->second.outstanding = 2;
    const std::string key = row->first;
    ask(key, rrtype::a);
    if (lookups_.contains(key)) ask(key, rrtype::aaaa);
    perform();
}

std::optional<Bytes> HostResolver::ask_upstream(const Name& name, std::uint16_t type, std::uint64_t ticket) {
    Question question;
    question.header.id = random_.next_u16();
    question.header.bits = 0x0100;  // RD
    question.header.qdcount = 1;
    question.name = question.lower = name;
    question.type = type;
    question.klass = rrclass::in;
    question.end = header_size + name.size() + 4;
    question.over_tcp = true;  // the whole answer, not what fits a datagram
    Client client;
    client.connection = ticket;
    const auto outcome = forward_.ask_own(question, client, Loop::moment(), buffer_, actions_);
    if (outcome.kind == Forward::Outcome::Kind::answered) return Bytes(buffer_).first(outcome.size);
    return std::nullopt;
}

void HostResolver::ask(const std::string& host, std::uint16_t type) {
    const auto ticket = next_ticket_++;
    tickets_.emplace(ticket, std::pair(host, type));
    if (const auto reply = ask_upstream(*Name::parse(host), type, ticket)) take(ticket, *reply);
}

void HostResolver::probe(std::function<void(bool)> done) {
    const auto ticket = next_ticket_++;
    probes_.emplace(ticket, std::move(done));
    if (const auto reply = ask_upstream(Name{}, rrtype::ns, ticket)) take(ticket, *reply);
    perform();
}

void HostResolver::probe_loops(const Rules& rules) {
    for (const auto& [name, endpoint] : rules.loop_probes) {
        Ask ask;
        ask.attempt = next_loop_++;
        ask.upstream = endpoint;
        const std::uint16_t id = random_.next_u16();
        ask.bytes = {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
        ask.bytes.insert(ask.bytes.end(), name.wire().begin(), name.wire().end());
        ask.bytes.insert(ask.bytes.end(), {0, rrtype::txt, 0, rrclass::in});
        loops_.push_back(ask.attempt);
        links_->ask(std::move(ask));
    }
    if (!loops_.empty()) end_loops_.start(seconds(2));
}

void HostResolver::take(std::uint64_t ticket, Bytes reply) {
    if (const auto probe = probes_.find(ticket); probe != probes_.end()) {
        const auto done = std::move(probe->second);
        probes_.erase(probe);
        return done((reply[3] & 15u) != rcode::servfail);
    }
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end()) return;
    const auto [host, type] = found->second;
    tickets_.erase(found);
    const auto row = lookups_.find(host);
    if (row == lookups_.end()) return;
    Lookup& lookup = row->second;
    (type == rrtype::a ? lookup.found.v4 : lookup.found.v6) = addresses_in(reply, type);
    if (--lookup.outstanding > 0) return;
    Lookup done = std::move(lookup);
    lookups_.erase(row);
    for (const auto& waiter : done.waiters) waiter(done.found);
}

void HostResolver::perform() {
    // A waiter may ask for another name, which adds actions: go on until none are left.
    while (!actions_.empty()) {
        Actions todo;
        todo.swap(actions_);
        for (auto& action : todo) {
            if (auto* reply = std::get_if<Reply>(&action)) take(reply->client.connection, reply->bytes);
            else if (auto* ask = std::get_if<Ask>(&action)) links_->ask(std::move(*ask));
            else if (const auto* close = std::get_if<CloseAttempt>(&action)) links_->close(close->attempt);
        }
    }
    const auto deadline = forward_.deadline();
    if (!deadline) return tick_.stop();
    tick_.start(std::max<microseconds>(microseconds(0), *deadline - Loop::now()));
}

}  // namespace lictor
