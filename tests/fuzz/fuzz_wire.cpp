// Fuzzes the wire code and compares it with ldns: if both accept a query they must read the same QNAME, and what our code writes must be
// readable. No packet is printed, because ldns crashes on some EDNS options.
#include <stdbool.h>  // before ldns: switches its own macros for bool, true and false off

#include <ldns/ldns.h>
#include <sanitizer/lsan_interface.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "resolver/local/alias.hpp"
#include "resolver/wire/message.hpp"
#include "tests/fuzz/mutate_dns.hpp"

using namespace lictor;
using namespace lictor::local;
using namespace lictor::wire;

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
    return fuzz::mutate_message(data, size, max, seed, 0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes message(data, size);
    Question question;
    const QuestionFault fault = read_question(message, question);
    if (fault != QuestionFault::too_short && fault != QuestionFault::response) {
        std::vector<std::uint8_t> buffer(message_max);
        write_error(question, rcode::servfail, buffer);
    }
    if (fault == QuestionFault::none) {
        const auto text = question.name.text();
        const auto again = Name::parse(text);
        if (!again || !(*again == question.name)) std::abort();
    }
    const auto header = read_header(message);
    if (!header) return 0;
    // Every record of a well-formed message, copied into a new one.
    Reader reader(message);
    reader.skip(header_size);
    for (unsigned i = 0; i < header->qdcount && reader.ok(); ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    std::vector<std::uint8_t> buffer(message_max);
    Writer writer(buffer);
    Question empty;
    writer.begin_reply(empty, 0, 0);
    unsigned records = 0;
    bool whole = reader.ok();
    for (unsigned i = 0; whole && i < unsigned{header->ancount} + header->nscount + header->arcount; ++i) {
        const auto record = read_record(reader);
        whole = record.has_value();
        if (whole && copy_record(writer, Writer::Section::answer, message, *record)) ++records;
    }
    const Bytes copied = writer.finish();
    Reader check(copied);
    check.skip(header_size);
    for (unsigned i = 0; i < records; ++i)
        if (!read_record(check)) std::abort();
    if (check.left() != 0) std::abort();

    // ldns 1.8.3 leaks a record of some packets that it refuses (several OPT records), so leaks are not checked here.
    const __lsan::ScopedDisabler ldns_leaks;
    ldns_pkt* packet = nullptr;
    if (ldns_wire2pkt(&packet, data, size) == LDNS_STATUS_OK) {
        // ldns follows forward pointers, which our code refuses, so only messages that both accept are compared.
        if (fault == QuestionFault::none && ldns_pkt_qdcount(packet) == 1) {
            const ldns_rdf* owner = ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(packet), 0));
            if (ldns_rdf_size(owner) != question.name.size() ||
                std::memcmp(ldns_rdf_data(owner), question.name.wire().data(), question.name.size()) != 0)
                std::abort();
        }
        ldns_pkt_free(packet);
    }
    return 0;
}
