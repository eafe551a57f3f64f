/* Resolves each of its arguments by the C library and prints `NAME ADDRESS…`, one line each. Without a name it waits for a signal.
   Exit code 1 if a name has no address. Built statically, it is a program for an image that has nothing else. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char** words) {
    int failed = 0;
    if (count < 2) return pause();
    for (int i = 1; i < count; ++i) {
        struct addrinfo hints, *found = NULL;
        memset(&hints, 0, sizeof hints);
        hints.ai_family = AF_INET;
        hints.ai_socktype = SOCK_STREAM;
        const int code = getaddrinfo(words[i], NULL, &hints, &found);
        printf("%s", words[i]);
        for (const struct addrinfo* one = found; !code && one; one = one->ai_next) {
            char text[INET_ADDRSTRLEN];
            inet_ntop(AF_INET, &((const struct sockaddr_in*)one->ai_addr)->sin_addr, text, sizeof text);
            printf(" %s", text);
        }
        printf(code ? " %s\n" : "\n", code ? gai_strerror(code) : "");
        failed |= code != 0;
        if (found) freeaddrinfo(found);
    }
    return failed;
}
