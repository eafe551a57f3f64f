// Are the bytes of a secret overwritten?
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "conf/base/wipe.hpp"

using namespace lictor;

TEST_CASE("wipe: the bytes are zero and the text is empty, short and long, at once and at the end of a block") {
    for (const std::size_t size : {std::size_t{8}, std::size_t{4000}}) {
        std::string secret(size, 's');
        const auto is_zero = [bytes = secret.data(), size] { return std::string_view(bytes, size) == std::string(size, '\0'); };
        wipe(secret);
        CHECK(secret.empty());
        CHECK(is_zero());
        secret.assign(size, 't');
        CHECK(!is_zero());
        { const WipedAtEnd wiped(secret); }
        CHECK(is_zero());
    }
}
