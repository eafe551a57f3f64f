// A Status with every kind of entry, for the tests of the stats endpoint. `outside` replaces each text that comes from elsewhere (names in
// Consul, errors of a server), so that a test can pass hostile text.
#pragma once

#include <memory>
#include <string>

#include "conf/metrics/metrics.hpp"
#include "resolver/documents/status.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::test {

/// Owns the counters to which the Status refers: it must outlive the Status.
struct StatsSample {
    metrics::WorkerCounters first, second;
    metrics::ControlCounters control;
    documents::History history;

    documents::Status make(const std::string& outside = "pg") {
        first.queries_udp.set(40);
        second.queries_udp.set(2);
        first.queries_tcp.set(5);
        first.answers_cache.set(30);
        first.answers_upstream.set(7);
        first.answers_leader.set(8);
        first.cache_hits.set(30);
        first.cache_misses.set(10);
        first.cache_insertions.set(9);
        first.cache_entries.set(9);
        first.forwarded.set(12);
        first.forward_retries.set(2);
        control.consul_requests.set(77);

        documents::Status status;
        status.version = "1.2.3";
        status.host = outside;
        status.started_unix = 1'700'000'000;
        status.uptime_seconds = 3723.5;
        status.now = seconds(5000);
        status.listening = {{Address::v4(127, 0, 0, 1), 53}};
        status.config_files = {"/etc/lictor.conf"};
        status.config_loaded_unix = 1'700'000'100;
        status.reload_errors = {"/etc/lictor.conf:3: " + outside};
        status.workers = {&first, &second};
        status.heartbeat_age_seconds = {0.25, 0.5};
        status.control = &control;
        status.upstreams = {{.endpoint = {Address::v4(192, 0, 2, 53), 53},
                             .sent = 12,
                             .answered = 9,
                             .failed = 1,
                             .timeouts = 2,
                             .refused = 1,
                             .rtt = microseconds(12'345)},
                            {.endpoint = {Address::v4(127, 0, 0, 1), 8600}, .sent = 1, .down = true}};
        status.watches = {{.kind = "service",
                           .name = outside,
                           .datacenter = "",
                           .state = "known",
                           .why = "",
                           .index = 9,
                           .instances = 1,
                           .replies = 4,
                           .changes = 2},
                          {.kind = "leader",
                           .name = outside,
                           .datacenter = "",
                           .state = "led",
                           .why = outside,
                           .index = 12,
                           .asked_seconds = 3,
                           .stale = true}};
        status.consul_on = true;
        status.consul_address = "http://127.0.0.1:8500";
        status.consul_last_contact_unix = 1'700'003'700;
        status.healthy = true;
        status.not_ready_because = "no upstream has answered yet";
        status.faults = {{lifecycle::FaultLevel::bad, outside + ": nobody leads for 3 s"}, {lifecycle::FaultLevel::notice, outside}};
        status.last_warnings = {{1'700'003'600, true, outside}};
        history = {};
        for (int i = 0; i <= 3; ++i) history.add({.queries = 10u * static_cast<unsigned>(i), .rtt = milliseconds(2)}, seconds(4997 + i));
        status.history = &history;
        status.warnings = {"leader zz: queries are held"};
        status.process.resident_bytes = 14 << 20;
        status.process.open_descriptors = 21;
        status.process.cpu_seconds = 1.5;
        status.process.descriptors_max = 1024;
        status.view = view(outside);
        return status;
    }

    /// A View of generation 6 with a leader, a scope without one, a service and two upstreams.
    static std::shared_ptr<const view::View> view(const std::string& outside) {
        auto settings = std::make_shared<catalog::ConsulSettings>();
        settings->node_name = outside;
        settings->agent = {settings->agent.strict, "1.20.1"};
        settings->service_ttl = {{outside + "*", 5}};

        catalog::LeaderEntry leader;
        leader.scope = outside;
        leader.service = outside;
        leader.state = catalog::LeaderState::led;
        leader.reason = catalog::LeaderReason::confirmed;
        leader.member = "member-1";
        leader.host = catalog::HostText("10.0.0.1");
        leader.node_address = catalog::HostText("10.0.0.1");
        leader.port = 5432;
        leader.lock_index = 77;
        leader.timeline = 3;
        leader.since_unix = 1'700'003'000;
        leader.since = seconds(4000);
        catalog::MemberRow member;
        member.name = "member-1";
        member.role = "primary";
        member.state = "running";
        member.host = catalog::HostText("10.0.0.1");
        member.port = 5432;
        member.timeline = 3;
        member.lsn = 67'109'104;
        catalog::MemberRow replica = member;
        replica.name = outside;
        replica.role = "replica";
        replica.host = catalog::HostText("10.0.0.2");
        replica.lsn.reset();
        leader.members = {member, replica};
        auto replicas = std::make_shared<catalog::ReplicaSet>();
        catalog::Replica behind;
        behind.member = outside;
        behind.lag = 4096;
        replicas->replicas = {behind};
        leader.replica_set = replicas;
        catalog::LeaderEntry vacant = leader;
        vacant.scope = "zz";
        vacant.service = "zz";
        vacant.state = catalog::LeaderState::vacant;
        vacant.reason = catalog::LeaderReason::demoted;
        vacant.timeline.reset();
        auto leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>();
        (*leaders)[leader.service] = std::make_shared<catalog::LeaderEntry>(leader);
        (*leaders)[vacant.service] = std::make_shared<catalog::LeaderEntry>(vacant);

        auto node = std::make_shared<catalog::NodeRecord>();
        node->name = outside;
        node->address = catalog::HostText("10.0.0.1");
        catalog::ServiceEntry service;
        service.name = outside;
        service.state = catalog::FactState::known;
        service.index = 9;
        catalog::Instance instance;
        instance.node = node;
        instance.id = outside;
        instance.name = outside;
        instance.port = 80;
        instance.tags = {outside};
        service.instances = {instance};
        auto services = std::make_shared<catalog::TableOf<catalog::ServiceEntry>>();
        (*services)[service.name] = std::make_shared<catalog::ServiceEntry>(service);

        auto catalog = std::make_shared<catalog::Catalog>();
        catalog->settings = settings;
        catalog->leaders = leaders;
        catalog->services = services;
        catalog->consul_on = true;
        catalog->reachable = true;
        auto rules = std::make_shared<rules::Rules>();
        rules->upstreams = {{.endpoint = {Address::v4(192, 0, 2, 53), 53}, .interface = "", .source = {}},
                            {.endpoint = {Address::v4(127, 0, 0, 1), 8600}, .interface = "", .source = {}, .agent_dns = true}};
        auto view = std::make_shared<view::View>();
        view->generation = 6;
        view->catalog = catalog;
        view->rules = rules;
        return view;
    }
};

/// Characters that break logs, pages and parsers if they are not escaped.
inline const std::string& hostile_text() {
    static const std::string text =
        std::string("a\nb\r\t\x1b[2J\"'\\ </script><b>&\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 \xe2\x80\xa8 %s{}") + '\0' + "\x7f\xc3";
    return text;
}

}  // namespace lictor::test
