# lictor compiled in an image of Debian, with Debian's libraries: for the reference clusters, and where the sources are changed. The first
# stage builds it; the second has only /opt/lictor: the program, its libraries, the entrypoint. /opt/lictor can be copied into any image with
# glibc 2.36 or later (Debian 12, Ubuntu 24.04, ...). For all other images: lictor.Dockerfile.
#
#   docker build -t lictor-debian -f container/images/lictor-debian.Dockerfile .

ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
COPY container/lib/install-missing container/lib/packages /src/container/lib/
RUN /src/container/lib/install-missing build +ccache
COPY CMakeLists.txt /src/
COPY conf /src/conf
COPY watch /src/watch
COPY resolver /src/resolver
# A compiler cache may be mounted at /ccache; otherwise it is empty. Paths count relative to the source, so that results from another
# directory with the same compiler are used. Libraries are found next to the program (RPATH, not RUNPATH: it also applies to the libraries'
# own dependencies).
ARG CMAKE_OPTIONS=
ENV CCACHE_DIR=/ccache CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content CCACHE_SLOPPINESS=locale
RUN mkdir -p /ccache && cmake -S /src -B /src/build -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
        -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib' -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags ${CMAKE_OPTIONS} \
 && cmake --build /src/build -j "$(nproc)" && ccache -s \
 && install -D -s /src/build/lictor /opt/lictor/bin/lictor && mkdir /opt/lictor/lib \
 && ldd /opt/lictor/bin/lictor | awk '$3 ~ /^\// { print $3 }' | grep -v -E '/(libc|libm|libresolv)\.so' | xargs -I{} cp -L {} /opt/lictor/lib/ \
 && strip --strip-unneeded /opt/lictor/lib/*
COPY container/entrypoint /opt/lictor/entrypoint

FROM ${BASE_IMAGE}
COPY --from=build /opt/lictor /opt/lictor
RUN ln -s /opt/lictor/bin/lictor /usr/local/sbin/lictor && ln -s /opt/lictor/bin/lictor /usr/local/bin/lictor
HEALTHCHECK --interval=10s --timeout=3s CMD ["/opt/lictor/bin/lictor", "health"]
# Without a command it runs lictor, which changes to user nobody after binding port 53.
CMD ["/opt/lictor/bin/lictor"]
