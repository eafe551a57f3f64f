// Fuzzes an upstream's reply: the client gets one well-formed reply to its query, and no byte outside the packet is read. The first byte
// chooses the query, the rest is the reply. It is used twice: unchanged, and with matching id and question, so that the code behind these
// checks is reached.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "conf/options/options.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/rules/rules.hpp"
#include "tests/fuzz/mutate_dns.hpp"

namespace {

using namespace lictor;
using namespace lictor::wire;
using namespace lictor::forward;
using namespace lictor::rules;
using namespace lictor::answer;
using namespace lictor::conf;
using namespace lictor::metrics;

void require(bool condition) {
    if (!condition) std::abort();
}

std::shared_ptr<const Rules> rules() {
    static const auto made = [] {
        Options options;
        options.no_resolv = true;
        options.log_queries = QueryLogging::plain;
        options.consul_http_addr = {{"http://127.0.0.1:8500", {}}};
        options.consul_dns = Endpoint{Address::v4(127, 0, 0, 1), 8600};
        ServerRule rule;
        rule.upstream = Endpoint{Address::v4(10, 0, 0, 1), 53};
        options.server.push_back(rule);
        std::vector<std::string> notes;
        return make_rules(options, {}, {}, notes);
    }();
    return made;
}

void check_reply(Bytes reply, const Question& question, std::size_t limit) {
    const auto header = read_header(reply);
    require(header && reply.size() <= limit && header->qr() && header->id == question.header.id && header->qdcount == 1);
    Reader reader(reply);
    reader.skip(header_size);
    require(reader.name() == question.name && reader.u16() == question.type && reader.u16() == question.klass);
    for (unsigned i = 0; i < unsigned{header->ancount} + header->nscount + header->arcount; ++i) require(read_record(reader).has_value());
    require(reader.ok() && reader.left() == 0);
}

/// Sends a query, delivers the reply, and checks that there is exactly one answer.
void play(std::uint8_t way, Bytes body, bool fit) {
    static constexpr std::uint16_t types[] = {rrtype::a,   rrtype::any, rrtype::mx,    rrtype::txt,
                                              rrtype::srv, rrtype::soa, rrtype::https, rrtype::rrsig};
    WorkerCounters counters;
    Random random(Random::Seed{way, 2, 3, 4, 5, 6, 7, 8});
    Forward forward(counters, random);
    forward.adopt(rules(), Now{});
    Question question;
    question.name = *Name::parse("Www.Example");
    question.lower = question.name.lower();
    question.type = types[way & 7];
    question.klass = rrclass::in;
    question.end = header_size + question.name.size() + 4;
    question.header.id = 0x1234;
    question.edns = {(way & 8) != 0, 1232, 0, 0, (way & 16) != 0};
    question.over_tcp = way & 32;
    const bool agent = way & 64, exact = way & 128;
    Client client;
    client.connection = question.over_tcp ? 1 : 0;

    std::vector<std::uint8_t> buffer(message_max);
    Actions actions;
    const Moment start{seconds(1), 0};
    (agent ? forward.ask_agent(question, client, start, buffer, actions, exact) : forward.ask(question, client, start, buffer, actions));
    std::size_t replies = 0;
    const std::size_t limit = question.over_tcp ? message_max : question.edns.present ? 1232 : 512;
    for (std::size_t i = 0; i < actions.size() && i < 200; ++i) {
        if (const auto* reply = std::get_if<Reply>(&actions[i])) {
            ++replies;
            check_reply(reply->bytes, question, limit);
        }
        if (const auto* line = std::get_if<QueryLog>(&actions[i])) require(line->line.find('\n') == std::string::npos);
        const auto* ask = std::get_if<Ask>(&actions[i]);
        if (!ask) continue;
        std::vector<std::uint8_t> packet(body.begin(), body.end());
        if (fit && packet.size() >= header_size) {
            packet[0] = ask->bytes[0];
            packet[1] = ask->bytes[1];
            packet[2] = static_cast<std::uint8_t>((packet[2] & 0x07) | 0x80);
            packet[4] = 0;
            packet[5] = 1;
            packet.insert(packet.begin() + header_size, ask->bytes.begin() + header_size,
                          ask->bytes.begin() + header_size + static_cast<std::ptrdiff_t>(question.name.size() + 4));
        }
        Actions more;
        forward.on_reply(ask->attempt, packet, {seconds(1) + milliseconds(i), 0}, more);
        actions.insert(actions.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    }
    if (replies == 1) {
        // The reply from the cache must be well-formed, too.
        Actions again;
        const auto outcome = agent ? forward.ask_agent(question, client, {seconds(2), 0}, buffer, again, exact)
                                   : forward.ask(question, client, {seconds(2), 0}, buffer, again);
        if (outcome.answered()) check_reply(Bytes(buffer).first(outcome.size), question, limit);
    }
    Actions last;
    forward.fail_all(last);
    if (replies == 0)
        replies += static_cast<std::size_t>(
            std::count_if(last.begin(), last.end(), [](const auto& action) { return std::holds_alternative<Reply>(action); }));
    require(replies == 1 && counters.forward_pending.get() == 0);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
    return fuzz::mutate_message(data, size, max, seed, 1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > message_max) return 0;
    play(data[0], Bytes(data + 1, size - 1), false);
    play(data[0], Bytes(data + 1, size - 1), true);
    return 0;
}
