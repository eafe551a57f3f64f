// Sends two queries for each name (A and AAAA) through the forwarding core that the workers use, too.
#include "resolver/control/host_resolver.hpp"

#include <algorithm>

#include "resolver/control/plain_query.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::control {
namespace {

constexpr std::size_t lookups_max = 1024;
constexpr std::size_t attempts_max = 256;

/// Addresses of the asked type in the answer section, which the forwarding core has cut to the question's own CNAME chain. Nothing if the
/// rcode is neither NOERROR nor NXDOMAIN: then nothing is known about the name.
std::optional<std::vector<Address>> addresses_in(wire::Bytes reply, std::uint16_t type) {
    std::vector<Address> found;
    const auto header = wire::read_header(reply);
    if (!header || (header->rcode() != rcode::noerror && header->rcode() != rcode::nxdomain)) return std::nullopt;
    wire::Reader reader(reply);
    reader.skip(wire::header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    for (unsigned i = 0; i < header->ancount && found.size() < 64; ++i) {
        const auto record = wire::read_record(reader);
        if (!record) break;
        if (record->type == type && record->rdata.size() == (type == rrtype::a ? 4u : 16u))
            found.push_back(Address::from_bytes(record->rdata));
    }
    return found;
}

}  // namespace

std::vector<Address> all_addresses(const catalog::HostAnswer& answer) {
    auto all = answer.v4.value_or(std::vector<Address>());
    if (answer.v6) all.insert(all.end(), answer.v6->begin(), answer.v6->end());
    return all;
}

HostResolver::HostResolver(loop::Loop& loop, Random& random)
    : random_(random),
      forward_(own_, random_),
      tick_(loop,
            [this] {
                forward_.on_tick(loop::Loop::moment(), actions_);
                perform();
            }),
      end_loops_(loop, [this] {
          for (const answer::AttemptId attempt : std::exchange(loops_, {})) links_->close(attempt);
      }) {
    links_ = std::make_unique<net::Links>(
        loop, random_, attempts_max,
        [this](answer::AttemptId attempt, wire::Bytes message) {
            forward_.on_reply(attempt, message, loop::Loop::moment(), actions_);
            perform();
        },
        [this](answer::AttemptId attempt) {
            forward_.on_failure(attempt, loop::Loop::moment(), actions_);
            perform();
        });
}

HostResolver::~HostResolver() = default;

void HostResolver::adopt(const std::shared_ptr<const rules::Rules>& rules) {
    auto own = std::make_shared<rules::Rules>(*rules);
    own->cache_size = 0;
    own->log_queries = false;
    own->use_stale_cache.reset();
    own->filters = nullptr;  // hosts in Consul's data have private addresses, which stop-dns-rebind would remove
    own->add_subnet.reset();
    // The fixed source ports belong to the workers.
    own->query_port.reset();
    for (rules::Upstream& upstream : own->upstreams)
        if (upstream.source) upstream.source->port = 0;
    rules_ = own;
    forward_.adopt(own, loop::Loop::now());
}

void HostResolver::resolve(const std::string& host, std::function<void(const catalog::HostAnswer&)> done) {
    const auto name = wire::Name::parse(host);
    if (!name || lookups_.size() >= lookups_max) return done({});
    const wire::Name lower = name->lower();
    if (const auto local = rules_->local->names.find(lower); local != rules_->local->names.end()) {
        catalog::HostAnswer found{.v4 = std::vector<Address>(), .v6 = std::vector<Address>()};
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

std::optional<wire::Bytes> HostResolver::ask_upstream(const wire::Name& name, std::uint16_t type, std::uint64_t ticket, At at) {
    wire::Question question;
    question.header.id = random_.next_u16();
    question.header.bits = header_bit::rd;
    question.header.qdcount = 1;
    question.name = question.lower = name;
    question.type = type;
    question.klass = rrclass::in;
    question.end = wire::header_size + name.size() + 4;
    question.over_tcp = at == At::upstreams;  // the whole answer, not what fits a datagram
    answer::Client client;
    client.connection = ticket;
    const auto outcome = at == At::agent ? forward_.ask_agent(question, client, loop::Loop::moment(), buffer_, actions_)
                                         : forward_.ask_own(question, client, loop::Loop::moment(), buffer_, actions_);
    if (outcome.answered()) return wire::Bytes(buffer_).first(outcome.size);
    return std::nullopt;
}

void HostResolver::ask(const std::string& host, std::uint16_t type) {
    const auto ticket = next_ticket_++;
    tickets_.emplace(ticket, std::pair(host, type));
    if (const auto reply = ask_upstream(*wire::Name::parse(host), type, ticket)) take(ticket, *reply);
}

void HostResolver::probe(std::function<void(bool)> done) {
    const auto ticket = next_ticket_++;
    probes_.emplace(ticket, std::move(done));
    if (const auto reply = ask_upstream(wire::Name{}, rrtype::ns, ticket)) take(ticket, *reply);
    perform();
}

void HostResolver::probe_agent(const wire::Name& name, std::function<void(bool)> done) {
    const auto ticket = next_ticket_++;
    probes_.emplace(ticket, std::move(done));
    if (const auto reply = ask_upstream(name, rrtype::soa, ticket, At::agent)) take(ticket, *reply);
    perform();
}

void HostResolver::probe_loops(const rules::Rules& rules) {
    for (const auto& [name, endpoint] : rules.loop_probes) {
        answer::Ask ask;
        ask.attempt = next_loop_++;
        ask.upstream = endpoint;
        ask.bytes = plain_query(random_.next_u16(), name, rrtype::txt);
        loops_.push_back(ask.attempt);
        links_->ask(std::move(ask));
    }
    if (!loops_.empty()) end_loops_.start(seconds(2));
}

void HostResolver::take(std::uint64_t ticket, wire::Bytes reply) {
    if (const auto probe = probes_.find(ticket); probe != probes_.end()) {
        const auto done = std::move(probe->second);
        probes_.erase(probe);
        return done(wire::rcode_of(reply) != rcode::servfail);
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
    // A waiter may look up another name, which adds actions: repeat until none are left.
    while (!actions_.empty()) {
        answer::Actions todo;
        todo.swap(actions_);
        for (auto& action : todo) {
            if (auto* reply = std::get_if<answer::Reply>(&action)) take(reply->client.connection, reply->bytes);
            else if (auto* ask = std::get_if<answer::Ask>(&action)) links_->ask(std::move(*ask));
            else if (const auto* close = std::get_if<answer::CloseAttempt>(&action)) links_->close(close->attempt);
        }
    }
    const auto deadline = forward_.deadline();
    if (!deadline) return tick_.stop();
    tick_.start(std::max<microseconds>(microseconds(0), *deadline - loop::Loop::now()));
}

}  // namespace lictor::control
