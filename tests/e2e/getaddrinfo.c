/* What does libc's resolver return? Calls getaddrinfo(3) in a loop and prints one line for each call:
 *
 *     getaddrinfo NAME unspec|inet SECONDS     ->     START MILLISECONDS ok ADDRESS…   or   START MILLISECONDS error EAI_NAME
 *
 * START is CLOCK_MONOTONIC in seconds. With SECONDS 0 it calls once. Compiled with gcc for glibc and with musl-gcc for musl.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static const char *name_of(int code)
{
    switch (code) {
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_SYSTEM: return "EAI_SYSTEM";
#ifdef EAI_NODATA
#if EAI_NODATA != EAI_NONAME
    case EAI_NODATA: return "EAI_NODATA";
#endif
#endif
    default: return gai_strerror(code);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: getaddrinfo NAME unspec|inet SECONDS\n");
        return 2;
    }
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = strcmp(argv[2], "inet") == 0 ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const double end = now() + atof(argv[3]);
    do {
        struct addrinfo *found = NULL;
        const double begin = now();
        const int code = getaddrinfo(argv[1], NULL, &hints, &found);
        printf("%.6f %.3f ", begin, (now() - begin) * 1e3);
        if (code) {
            printf("error %s\n", name_of(code));
        } else {
            printf("ok");
            for (struct addrinfo *a = found; a; a = a->ai_next) {
                char text[INET6_ADDRSTRLEN] = "?";
                const void *raw = a->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr
                                                          : (void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr;
                inet_ntop(a->ai_family, raw, text, sizeof text);
                printf(" %s", text);
            }
            printf("\n");
            freeaddrinfo(found);
        }
        fflush(stdout);
        const struct timespec pause = {0, 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
    } while (now() < end);
    return 0;
}
