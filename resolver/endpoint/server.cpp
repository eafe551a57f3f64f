// libmicrohttpd is driven through its epoll descriptor. Connections are accepted here, so that two bounds hold: the number of connections,
// and the time of a request with its reply (libmicrohttpd's own time limit begins again with each byte).
#include "resolver/endpoint/server.hpp"

#include <microhttpd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <list>
#include <new>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/documents/routes.hpp"
#include "resolver/endpoint/event_streams.hpp"
#include "resolver/endpoint/listen_socket.hpp"

namespace lictor::endpoint {
namespace {

constexpr std::size_t connections_max = 32;
constexpr unsigned idle_seconds_max = 5;
constexpr microseconds request_time_max = seconds(5);
constexpr Now endless = Now::max() / 2;                    // deadline of a client of /events
constexpr std::size_t connection_memory_bytes = 16 << 10;  // request line and headers
constexpr int accepted_per_turn_max = 8;
constexpr microseconds accept_pause = milliseconds(100);  // when no connection or no descriptor is left
constexpr std::size_t host_headers_max = 2;               // to see that there is more than one
constexpr std::size_t arguments_max = 8;
constexpr milliseconds comment_every = seconds(15);  // to clients of /events, so that both ends notice a lost connection
constexpr std::string_view comment_text = ": keep-alive\n\n";
constexpr std::size_t path_bytes_max = 64;  // every path of the endpoint fits

/// One client, from accept to close; libmicrohttpd keeps the pointer.
struct Connection {
    int fd = -1;         ///< belongs to libmicrohttpd; only shut down here
    Now deadline{};      ///< for the end of the request in progress, or of the next one
    bool begun = false;  ///< a request line was read and not answered so far
    std::string path;    ///< of that line, not decoded, so that `/stats%00` is not `/stats`
    MHD_Connection* handle = nullptr;
    std::uint64_t ticket = 0;                    ///< of the reply that is awaited; 0: none
    bool suspended = false;                      ///< until that reply is there
    std::optional<documents::StatsReply> ready;  ///< that reply
    budget::Held memory;                         ///< of the reply that is being sent
};

std::string make_nonce() {
    unsigned char bytes[16];
    if (::getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof bytes)) return "unavailable";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

std::string_view view_of(const char* text) { return text ? std::string_view(text) : std::string_view{}; }

std::string_view header(MHD_Connection* connection, const char* name) {
    return view_of(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

bool announces_body(MHD_Connection* connection) {
    const auto length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (!length.empty() && length != "0") ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != nullptr;
}

MHD_Result collect_host(void* into, MHD_ValueKind, const char* key, const char* value) noexcept {
    auto& hosts = *static_cast<std::vector<std::string_view>*>(into);
    if (equal_ignoring_case(view_of(key), "host") && hosts.size() < host_headers_max) hosts.push_back(view_of(value));
    return MHD_YES;
}

MHD_Result collect_argument(void* into, MHD_ValueKind, const char* key, std::size_t key_size, const char* value,
                            std::size_t value_size) noexcept {
    auto& arguments = *static_cast<std::vector<std::pair<std::string_view, std::string_view>>*>(into);
    if (arguments.size() < arguments_max)
        arguments.emplace_back(std::string_view(key, key_size), value ? std::string_view(value, value_size) : "");
    return MHD_YES;
}

std::string text_of(const char* path) {
    disk::DiskFiles files;
    const auto file = files.read(path);
    return file ? file->text : std::string();
}

std::vector<std::string> names_of_machine() {
    char name[256] = "";
    if (::gethostname(name, sizeof name - 1) != 0) return {};
    return documents::own_host_names(name, text_of("/etc/hosts"), text_of("/etc/resolv.conf"));
}

struct ReplyOwner {
    explicit ReplyOwner(const documents::StatsReply& reply)
        : response(MHD_create_response_from_buffer(reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_MUST_COPY)) {}
    ~ReplyOwner() {
        if (response) MHD_destroy_response(response);
    }
    ReplyOwner(const ReplyOwner&) = delete;
    ReplyOwner& operator=(const ReplyOwner&) = delete;
    void add(const char* name, std::string_view value) { MHD_add_response_header(response, name, std::string(value).c_str()); }

    MHD_Response* response;
};

void decorate(MHD_Response* response) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
}

MHD_Result send_reply(MHD_Connection* connection, const documents::StatsReply& reply) {
    ReplyOwner owner(reply);
    if (!owner.response) return MHD_NO;
    owner.add(MHD_HTTP_HEADER_CONTENT_TYPE, reply.type);
    owner.add(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    owner.add("X-Content-Type-Options", "nosniff");
    owner.add("Referrer-Policy", "no-referrer");
    if (!reply.allow.empty()) owner.add(MHD_HTTP_HEADER_ALLOW, reply.allow);
    if (!reply.policy.empty()) owner.add("Content-Security-Policy", reply.policy);
    return MHD_queue_response(connection, reply.code, owner.response);
}

}  // namespace

struct StatsServer::State {
    State(StatsListener bound, std::vector<std::string> names, metrics::ControlCounters& counts)
        : listener(std::move(bound)), hosts(std::move(names)), counters(counts) {}
    ~State();

    Result<bool> start(loop::Loop& on, Hooks from);
    void accept_some();
    bool make_room();
    void run();
    void end_overdue();
    void arm();
    void warn_of_host(std::string_view header);
    void count_unanswered(Connection& connection);
    MHD_Result answer(MHD_Connection* connection, Connection& client, std::string_view method, std::string_view version);
    MHD_Result await(MHD_Connection* connection, Connection& client, const documents::StatsReply& reply);
    void take_reply(std::uint64_t ticket, documents::StatsReply reply);
    MHD_Result finish(MHD_Connection* connection, Connection& client, const documents::StatsReply& reply);
    static MHD_Result on_request(void* self, MHD_Connection* connection, const char*, const char* method, const char* version, const char*,
                                 std::size_t* body_size, void** request) noexcept;
    static void on_completed(void* self, MHD_Connection* connection, void** request, MHD_RequestTerminationCode) noexcept;
    static void on_connection(void* self, MHD_Connection* connection, void** context, MHD_ConnectionNotificationCode code) noexcept;
    static void* on_request_line(void* self, const char* uri, MHD_Connection* connection) noexcept;
    static Connection* client_of(MHD_Connection* connection);

    StatsListener listener;
    std::vector<std::string> hosts;
    std::vector<std::string> refused_hosts;  ///< logged
    metrics::ControlCounters& counters;
    Hooks hooks;
    std::list<Connection> clients;
    MHD_Daemon* daemon = nullptr;
    loop::Loop* loop = nullptr;
    loop::FdWatch accepting, events;
    EventStreams streams{counters};
    std::unique_ptr<loop::Timer> timer, accept_again, comment;
    std::uint64_t next_ticket = 1;
    std::shared_ptr<State*> self = std::make_shared<State*>(this);  ///< replies that come after the end find it empty
};

StatsServer::State::~State() {
    accepting.stop();
    events.stop();
    streams.end_all();
    self.reset();
    for (auto& client : clients)
        if (std::exchange(client.suspended, false)) {
            client.ready = documents::stopping();
            MHD_resume_connection(client.handle);
        }
    if (daemon) MHD_run(daemon);          // no connection may be suspended when it stops
    if (daemon) MHD_stop_daemon(daemon);  // closes what is open; on_connection still finds `clients`
}

Result<bool> StatsServer::State::start(loop::Loop& on, Hooks from) {
    loop = &on;
    hooks = std::move(from);
    daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &State::on_request,
                              this, MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(connections_max), MHD_OPTION_CONNECTION_TIMEOUT,
                              idle_seconds_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory_bytes, MHD_OPTION_NOTIFY_COMPLETED,
                              &State::on_completed, this, MHD_OPTION_NOTIFY_CONNECTION, &State::on_connection, this,
                              MHD_OPTION_URI_LOG_CALLBACK, &State::on_request_line, this, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    const auto* info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD) : nullptr;
    if (!info) return Error{"libmicrohttpd cannot be started"};
    timer = std::make_unique<loop::Timer>(on, [this] { run(); });
    comment = std::make_unique<loop::Timer>(on, [this] {
        if (streams.empty()) return;
        streams.send(comment_text);
        run();
    });
    comment->repeat(comment_every);
    accept_again = std::make_unique<loop::Timer>(on, [this] { accepting.change(UV_READABLE); });
    if (auto watched = events.start(on, info->epoll_fd, UV_READABLE, [this](int) { run(); }); !watched) return watched;
    return accepting.start(on, listener.fd(), UV_READABLE, [this](int) { accept_some(); });
}

void StatsServer::State::accept_some() {
    for (int i = 0; i < accepted_per_turn_max; ++i) {
        if (!make_room()) {
            accepting.change(0);
            accept_again->start(accept_pause);
            break;
        }
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        const int fd = ::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accepting.change(0);
                accept_again->start(accept_pause);
            }
            if (errno == ECONNABORTED || errno == EINTR) continue;
            break;
        }
        MHD_add_connection(daemon, fd, reinterpret_cast<sockaddr*>(&peer), size);  // closes `fd` if it cannot
    }
    run();
}

/// At the bound the client with the earliest deadline is disconnected, so that slow clients cannot shut others out.
bool StatsServer::State::make_room() {
    if (clients.size() < connections_max) return true;
    const auto longest =
        std::min_element(clients.begin(), clients.end(), [](const auto& a, const auto& b) { return a.deadline < b.deadline; });
    if (!longest->begun) counters.stats_refused.add();  // else counted when the connection ends
    ::shutdown(longest->fd, SHUT_RDWR);
    MHD_run(daemon);
    return clients.size() < connections_max;
}

void StatsServer::State::run() {
    end_overdue();
    MHD_run(daemon);
    arm();
}

void StatsServer::State::end_overdue() {
    const Now now = loop::Loop::now();
    for (auto& client : clients)
        if (client.deadline <= now) {
            ::shutdown(client.fd, SHUT_RDWR);
            client.deadline = now + request_time_max;  // libmicrohttpd reads the end of the stream now and closes
        }
}

void StatsServer::State::arm() {
    MHD_UNSIGNED_LONG_LONG wait = 0;
    std::optional<microseconds> due;
    if (MHD_get_timeout(daemon, &wait) == MHD_YES) due = milliseconds(std::min<MHD_UNSIGNED_LONG_LONG>(wait, 60'000));
    const Now now = loop::Loop::now();
    for (const auto& client : clients) due = std::min(due.value_or(request_time_max), client.deadline - now);
    if (due) timer->start(std::max(*due, microseconds(0)));
    else timer->stop();
}

void StatsServer::State::count_unanswered(Connection& client) {
    if (!std::exchange(client.begun, false)) return;
    counters.stats_requests.add();
    counters.stats_refused.add();
}

Connection* StatsServer::State::client_of(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? static_cast<Connection*>(info->socket_context) : nullptr;
}

MHD_Result StatsServer::State::answer(MHD_Connection* connection, Connection& client, std::string_view method, std::string_view version) {
    const std::string nonce = make_nonce();
    documents::StatsRequest request;
    request.method = method;
    request.path = client.path;
    request.http_1_0 = version == MHD_HTTP_VERSION_1_0;
    request.over_unix = listener.is_unix();
    request.has_body = announces_body(connection);
    request.lictor_header = header(connection, "X-Lictor");
    request.nonce = nonce;
    request.host_headers.reserve(host_headers_max);  // the callbacks may not throw
    request.arguments.reserve(arguments_max);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, collect_host, &request.host_headers);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, collect_argument, &request.arguments);
    request.last_event_id = header(connection, "Last-Event-ID");
    static const failover::EventRing nothing{0};
    documents::StatsReply reply = documents::answer_stats_request(request, {.accepted_hosts = hosts,
                                                                            .status = hooks.status,
                                                                            .flush = hooks.flush,
                                                                            .explain = hooks.explain,
                                                                            .reload = hooks.reload,
                                                                            .events = hooks.events ? *hooks.events : nothing});
    if (reply.endless && streams.full()) {
        counters.event_streams_refused.add();
        reply = documents::too_many_streams();
    }
    if (!request.over_unix && request.host_headers.size() == 1 && !documents::host_is_accepted(request.host_headers.front(), hosts))
        warn_of_host(request.host_headers.front());
    if (reply.later) return await(connection, client, reply);
    if (reply.endless) {
        client.begun = false;
        counters.stats_requests.add();
        client.deadline = endless;
        return streams.open(connection, client.fd, std::move(reply.body), decorate);
    }
    return finish(connection, client, reply);
}

MHD_Result StatsServer::State::finish(MHD_Connection* connection, Connection& client, const documents::StatsReply& reply) {
    client.begun = false;
    counters.stats_requests.add();
    if (!client.memory.grow_to(reply.body.size())) {
        counters.stats_refused.add();
        return send_reply(connection, documents::no_memory());
    }
    if (reply.code >= 400 && reply.code < 500) counters.stats_refused.add();
    return send_reply(connection, reply);
}

/// Starts the work for a reply that is not known yet. libmicrohttpd calls on_request again when the connection is resumed.
MHD_Result StatsServer::State::await(MHD_Connection* connection, Connection& client, const documents::StatsReply& reply) {
    client.handle = connection;
    client.ticket = next_ticket++;
    client.ready.reset();
    reply.later([weak = std::weak_ptr(self), ticket = client.ticket](documents::StatsReply done) {
        if (const auto state = weak.lock()) (*state)->take_reply(ticket, std::move(done));
    });
    if (client.ready) return finish(connection, client, *std::exchange(client.ready, std::nullopt));
    client.suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

void StatsServer::State::take_reply(std::uint64_t ticket, documents::StatsReply reply) {
    const auto client = std::find_if(clients.begin(), clients.end(), [&](const Connection& row) { return row.ticket == ticket; });
    if (client == clients.end()) return;
    client->ticket = 0;
    client->ready = std::move(reply);
    if (!std::exchange(client->suspended, false)) return;
    MHD_resume_connection(client->handle);
    timer->start(microseconds(0));  // runs libmicrohttpd
}

/// Once for each name, the first few: a client repeats its requests.
void StatsServer::State::warn_of_host(std::string_view header) {
    constexpr std::size_t names_max = 8;
    std::string name(header.substr(0, header.rfind(':')));
    if (refused_hosts.size() >= names_max || std::find(refused_hosts.begin(), refused_hosts.end(), name) != refused_hosts.end()) return;
    log::warning("stats endpoint: a request with the Host " + shown(name, 100) +
                 " was refused (HTTP 403); if it is a name of this machine, add " + "stats-host=" + printable(name, 100));
    refused_hosts.push_back(std::move(name));
}

MHD_Result StatsServer::State::on_request(void* self, MHD_Connection* connection, const char*, const char* method, const char* version,
                                          const char*, std::size_t* body_size, void** request) noexcept {
    auto& state = *static_cast<State*>(self);
    auto* client = client_of(connection);
    if (!client) return MHD_NO;
    // The first call has the headers: a body is refused before it is read. Other requests are answered at the second call.
    const bool first = *request == nullptr;
    *request = client;
    if (first && !announces_body(connection)) return MHD_YES;
    if (!first && *body_size != 0) return MHD_NO;
    try {
        if (client->ready) return state.finish(connection, *client, *std::exchange(client->ready, std::nullopt));
        return state.answer(connection, *client, view_of(method), view_of(version));
    } catch (const std::exception&) {
        return MHD_NO;  // out of memory: only this connection ends
    }
}

void StatsServer::State::on_completed(void* self, MHD_Connection* connection, void**, MHD_RequestTerminationCode) noexcept {
    auto* client = client_of(connection);
    if (!client) return;
    static_cast<State*>(self)->count_unanswered(*client);
    client->memory.set(0);
    client->deadline = loop::Loop::now() + request_time_max;
}

void StatsServer::State::on_connection(void* self, MHD_Connection* connection, void** context,
                                       MHD_ConnectionNotificationCode code) noexcept {
    auto& state = *static_cast<State*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        try {
            state.clients.emplace_back();
        } catch (const std::bad_alloc&) {
            return;  // its requests are refused
        }
        auto& client = state.clients.back();
        client.memory = budget::Held(state.counters.memory, budget::Kind::stats);
        client.fd = info ? info->connect_fd : -1;
        client.deadline = loop::Loop::now() + request_time_max;
        *context = &client;
        return;
    }
    auto* client = static_cast<Connection*>(*context);
    if (!client) return;
    state.count_unanswered(*client);
    state.clients.remove_if([&](const Connection& row) { return &row == client; });
    *context = nullptr;
}

void* StatsServer::State::on_request_line(void*, const char* uri, MHD_Connection* connection) noexcept {
    auto* client = client_of(connection);
    if (!client) return nullptr;
    client->begun = true;
    const auto path = view_of(uri).substr(0, view_of(uri).find('?'));
    try {
        client->path = path.size() <= path_bytes_max ? path : std::string_view{};
    } catch (const std::bad_alloc&) {
        client->path.clear();
    }
    return nullptr;
}

StatsServer::StatsServer() = default;
StatsServer::~StatsServer() = default;

Result<std::unique_ptr<StatsServer>> StatsServer::open(const std::string& address, const std::vector<std::string>& hosts,
                                                       metrics::ControlCounters& counters) {
    auto listener = StatsListener::open(address);
    if (!listener) return listener.error();
    auto names = hosts;
    if (listener->is_network())
        for (auto& name : names_of_machine()) names.push_back(std::move(name));
    std::unique_ptr<StatsServer> server(new StatsServer);
    server->state_ = std::make_unique<State>(*std::move(listener), std::move(names), counters);
    return server;
}

Result<bool> StatsServer::start(loop::Loop& loop, Hooks hooks) { return state_->start(loop, std::move(hooks)); }

void StatsServer::send_event(std::string_view text) {
    if (!state_->daemon || state_->streams.empty()) return;
    state_->streams.send(text);
    state_->run();
}

std::string StatsServer::address() const { return state_->listener.address(); }
bool StatsServer::address_absent() const { return state_->listener.address_absent(); }

}  // namespace lictor::endpoint
