// Who gets what from the stats endpoint: paths, methods, Host headers, the flush, the page. No socket is needed to tell.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/stats_page.hpp"
#include "resolver/stats_routes.hpp"
#include "tests/unit/stats_sample.hpp"

using namespace lictor;
using Json = nlohmann::json;

namespace {

struct Ground {
    test::StatsSample sample;
    Status status = sample.make();
    std::vector<std::string> hosts{"monitor.example"};
    std::vector<std::string> flushed;
    EventRing events{1'700'000'000};
    std::function<Status()> tell = [this] { return status; };
    std::function<void(std::optional<Name>)> flush = [this](std::optional<Name> name) { flushed.push_back(name ? name->text() : "*"); };

    StatsReply ask(StatsRequest request) { return answer_stats_request(request, {.hosts = hosts, .status = tell, .flush = flush, .events = events}); }
    StatsReply get(std::string_view path) { return ask(request("GET", path)); }

    static StatsRequest request(std::string_view method, std::string_view path) {
        StatsRequest made;
        made.method = method;
        made.path = path;
        made.hosts = {"127.0.0.1:9153"};
        made.nonce = "0123abcd";
        return made;
    }
};

}  // namespace

TEST_CASE("stats routes: each path gives its document") {
    Ground ground;
    for (const char* path : {"/stats", "/leaders", "/failovers", "/services", "/health"}) {
        INFO(path);
        const auto reply = ground.get(path);
        CHECK(reply.code == 200);
        CHECK(reply.type == "application/json");
        CHECK(Json::accept(reply.body));
    }
    CHECK(ground.get("/metrics").type == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(ground.get("/ready").code == 503);
    ground.status.ready = true;
    CHECK(ground.get("/ready").code == 200);
    ground.status.healthy = false;
    CHECK(ground.get("/health").code == 503);
}

TEST_CASE("stats routes: events begin with how things stand, or go on where a listener was") {
    Ground ground;
    const auto first = ground.get("/events");
    CHECK(first.code == 200);
    CHECK(first.type == "text/event-stream");
    CHECK(first.endless);
    CHECK(first.body.starts_with("id: 1700000000-0\nevent: leaders\ndata: {\"leaders\":["));
    CHECK(first.body.ends_with("}\n\n"));
    ground.events.add("leader", "{\"a\":1}\n");
    ground.events.add("leader", "{\"a\":2}");
    auto request = Ground::request("GET", "/events");
    request.last_event_id = "1700000000-1";
    CHECK(ground.ask(request).body == "id: 1700000000-2\nevent: leader\ndata: {\"a\":2}\n\n");
    request.method = "HEAD";
    CHECK_FALSE(ground.ask(request).endless);
    request.method = "POST";
    CHECK(ground.ask(request).code == 405);
    request.method = "GET";
    request.hosts = {"evil.example"};
    CHECK(ground.ask(request).code == 403);
    CHECK_FALSE(ground.ask(request).endless);
    CHECK(too_many_listeners().code == 503);
    CHECK_FALSE(too_many_listeners().endless);
}

TEST_CASE("stats routes: what is not in the table is not there") {
    Ground ground;
    for (const char* path : {"/nothing", "/stats/", "//stats", "/../../etc/passwd", "", "/Stats", "stats", "http://127.0.0.1/stats", "*"}) {
        INFO(path);
        const auto reply = ground.get(path);
        CHECK(reply.code == 404);
        CHECK(reply.body.find("there is: /, /stats, /metrics, /health, /ready, /leaders, /services, POST /flush, /failovers, /events, /shadow") != std::string::npos);
    }
}

TEST_CASE("stats routes: methods") {
    Ground ground;
    CHECK(ground.ask(Ground::request("HEAD", "/stats")).code == 200);
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
        INFO(method);
        const auto reply = ground.ask(Ground::request(method, "/stats"));
        CHECK(reply.code == 405);
        CHECK(reply.allow == "GET, HEAD");
    }
    const auto reply = ground.get("/flush");
    CHECK(reply.code == 405);
    CHECK(reply.allow == "POST");
    auto with_body = Ground::request("GET", "/stats");
    with_body.has_body = true;
    CHECK(ground.ask(with_body).code == 413);
}

TEST_CASE("stats routes: only our own Host is believed") {
    const std::vector<std::string> names{"monitor.example"};
    for (const char* host : {"127.0.0.1", "127.0.0.1:9153", "10.1.2.3:80", "[::1]", "[::1]:9153", "localhost", "LocalHost:9153", "localhost.", "monitor.example",
                             "Monitor.Example:9153", "monitor.example."}) {
        INFO(host);
        CHECK(host_is_ours(host, names));
    }
    for (const char* host : {"evil.example", "evil.example:9153", "127.0.0.1.evil.example", "localhost.evil.example", "", ":9153", "[::1", "::1", "[127.0.0.1]", "[::1]x",
                             "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:80:80", "user@127.0.0.1", "0x7f.1", "127.1", "monitor.example:x", "localhost..", "[evil.example]"}) {
        INFO(host);
        CHECK_FALSE(host_is_ours(host, names));
    }
    CHECK_FALSE(host_is_ours(std::string(100'000, '1'), names));

    Ground ground;
    auto request = Ground::request("GET", "/stats");
    request.hosts = {"evil.example"};
    CHECK(ground.ask(request).code == 403);
    request.over_unix = true;
    CHECK(ground.ask(request).code == 200);
    request.over_unix = false;
    request.hosts = {};
    CHECK(ground.ask(request).code == 400);
    request.http_1_0 = true;
    CHECK(ground.ask(request).code == 200);
    request.hosts = {"127.0.0.1", "evil.example"};
    CHECK(ground.ask(request).code == 400);
}

TEST_CASE("stats routes: a foreign Host learns nothing, not even which paths there are") {
    Ground ground;
    auto request = Ground::request("POST", "/flush");
    request.hosts = {"evil.example"};
    request.lictor_header = "1";
    CHECK(ground.ask(request).code == 403);
    request.path = "/nothing";
    CHECK(ground.ask(request).code == 403);
    CHECK(ground.flushed.empty());
}

TEST_CASE("stats routes: flush needs its header, and takes a name or nothing") {
    Ground ground;
    auto request = Ground::request("POST", "/flush");
    CHECK(ground.ask(request).code == 403);
    request.lictor_header = "0";
    CHECK(ground.ask(request).code == 403);
    CHECK(ground.flushed.empty());

    request.lictor_header = "1";
    CHECK(Json::parse(ground.ask(request).body) == Json{{"flushed", "everything"}});
    request.arguments = {{"name", "WWW.Example"}};
    CHECK(Json::parse(ground.ask(request).body) == Json{{"flushed", "www.example"}});
    CHECK(ground.flushed == std::vector<std::string>{"*", "www.example"});

    // What is not understood must not be taken for "everything".
    const std::string long_label(64, 'a');
    for (const auto& bad : std::vector<decltype(request.arguments)>{
             {{"name", ""}}, {{"name", "a..b"}}, {{"name", long_label}}, {{"nmae", "a"}}, {{"name", "a"}, {"name", "b"}}, {{"name", "a"}, {"x", ""}}}) {
        request.arguments = bad;
        CHECK(ground.ask(request).code == 400);
    }
    CHECK(ground.flushed.size() == 2);
}

TEST_CASE("stats page: its own style and script carry the nonce, and nothing comes from elsewhere") {
    Ground ground;
    const auto reply = ground.get("/");
    CHECK(reply.code == 200);
    CHECK(reply.type == "text/html; charset=utf-8");
    CHECK(reply.policy.find("default-src 'none'") == 0);
    CHECK(reply.policy.find("script-src 'nonce-0123abcd'") != std::string::npos);
    CHECK(reply.policy.find("unsafe") == std::string::npos);
    const std::string& page = reply.body;
    CHECK(page.find("<script nonce=\"0123abcd\">") != std::string::npos);
    CHECK(page.find("<style nonce=\"0123abcd\">") != std::string::npos);
    CHECK(page.find("@NONCE@") == std::string::npos);
    for (const char* never : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "src=", "@import", "https://", "onclick", " style="}) {
        INFO(never);
        CHECK(page.find(never) == std::string::npos);
    }
    // The one address in it is the name of a language, never fetched.
    CHECK(page.find("http://") == page.find("http://www.w3.org/2000/svg"));
    CHECK(page.rfind("http://") == page.find("http://www.w3.org/2000/svg"));
    CHECK(page.ends_with("</html>\n"));
}
