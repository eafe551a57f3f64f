// Fuzzes the reader of the kernel's socket lists: no byte outside the datagram is read, and each socket that it gives can be asked for
// again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "resolver/cut/socket_diag.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lictor::cut;
    const std::string datagram(reinterpret_cast<const char*>(data), size);
    DiagReply reply;
    read_reply(datagram, 1, reply);
    if (reply.sockets.size() > size / 72 || reply.error < 0) std::abort();
    for (const auto& socket : reply.sockets) {
        if (socket.remote().address.v6 && socket.family != family_v6) std::abort();
        if (destroy_request(socket, 1).size() != list_request(socket.family, socket.remote().port, 1).size()) std::abort();
    }
    return 0;
}
