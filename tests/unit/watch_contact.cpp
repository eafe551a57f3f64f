// How often is Consul asked while it limits requests, and how many blocking queries begin soon after a start?
#include <catch2/catch.hpp>

#include "watch/polling/contact.hpp"
#include "watch/polling/http_reply.hpp"
#include "watch/polling/waits.hpp"

using namespace lictor;
using namespace lictor::polling;
using namespace std::chrono_literals;

namespace {

/// The number of requests sent within `span` if one is always due and each has this outcome.
unsigned sends(Contact& contact, Now& now, Now span, ContactOutcome outcome) {
    unsigned sent = 0;
    for (const Now end = now + span; now < end; now += 10ms) {
        if (contact.earliest(now, Keys::other) > now) continue;
        ++sent;
        contact.on_exchange(outcome, 1, now);
    }
    return sent;
}

}  // namespace

TEST_CASE("contact: after a 429 one request a second is sent, and leader keys are not delayed", "[contact]") {
    Contact contact(Contact::Gate::open);
    Now now = 1000s;
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(contact.earliest(now, Keys::leader) == now);
    const auto sent = sends(contact, now, 5s, ContactOutcome::limited);
    CHECK((sent >= 5 && sent <= 6));
}

TEST_CASE("contact: each good reply after a 429 halves the interval; another 429 resets it", "[contact]") {
    Contact contact(Contact::Gate::open);
    Now now = 1000s;
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(contact, now, 2500ms, ContactOutcome::good) > 50);
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(contact, now, 1500ms, ContactOutcome::limited) <= 2);
    // Other refusals do not change the interval.
    Contact other(Contact::Gate::open);
    other.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(other, now, 5s, ContactOutcome::refused) <= 6);
}

TEST_CASE("contact: few blocking queries begin in the first minute, because those of an earlier process still count at the agent",
          "[contact]") {
    Waits waits(1000s);
    for (std::size_t i = 0; i < Waits::few; ++i) {
        REQUIRE(waits.may_begin(1001s));
        waits.begun();
    }
    CHECK_FALSE(waits.may_begin(1001s));
    waits.ended();
    CHECK(waits.may_begin(1001s));
    waits.begun();
    CHECK_FALSE(waits.may_begin(1000s + Waits::lingering - 1ms));
    CHECK(waits.may_begin(1000s + Waits::lingering));
}

TEST_CASE("contact: each failure has a remedy", "[contact]") {
    const auto remedy = [](int status, std::string_view body, const std::string& error = "") {
        HttpReply reply;
        reply.status = status;
        reply.refusal = refusal_of(status, body);
        reply.error = error;
        return std::string(remedy_of(reply));
    };
    const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
    CHECK(has(remedy(0, "", "Couldn't connect to server"), "start the Consul agent"));
    CHECK(has(remedy(0, "", "SSL certificate problem: unable to get local issuer certificate"), "consul-ca-file"));
    CHECK(has(remedy(400, "Client sent an HTTP request to an HTTPS server."), "https://"));
    CHECK(has(remedy(403, "ACL not found"), "consul-token-file"));
    CHECK(has(remedy(403, "Permission denied"), "permission"));
    CHECK(has(remedy(403, "<html>"), "proxy"));
    CHECK(has(remedy(404, ""), "port 8500"));
    CHECK(has(remedy(429, ""), "limits"));
    CHECK(has(remedy(500, "No cluster leader"), "servers"));
}
