# lictor as an image: built in one stage, and in the other nothing but /opt/lictor: the program, the libraries that it loads, the
# entrypoint. /opt/lictor can be copied into any image whose glibc is 2.36 or later (Debian 12, Ubuntu 24.04, ...).
#
#   docker build -t lictor -f container/images/lictor.Dockerfile .

ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
COPY container/lib/install-missing container/lib/packages /src/container/lib/
RUN /src/container/lib/install-missing build +ccache
COPY CMakeLists.txt /src/
COPY conf /src/conf
COPY watch /src/watch
COPY resolver /src/resolver
# A compiler cache may be mounted at /ccache; without one the cache is simply empty. Libraries are found beside the program (RPATH, not
# RUNPATH: it holds for what the libraries load in their turn, too).
RUN mkdir -p /ccache && CCACHE_DIR=/ccache cmake -S /src -B /build -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
        -DCMAKE_INSTALL_PREFIX=/opt/lictor '-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib' -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags \
 && CCACHE_DIR=/ccache cmake --build /build -j "$(nproc)" && cmake --install /build --strip \
 && mv /opt/lictor/sbin /opt/lictor/bin && mkdir /opt/lictor/lib \
 && ldd /opt/lictor/bin/lictor | awk '$3 ~ /^\// { print $3 }' | grep -v -E '/(libc|libm|libresolv)\.so' | xargs -I{} cp -L {} /opt/lictor/lib/ \
 && strip --strip-unneeded /opt/lictor/lib/*
COPY container/entrypoint /opt/lictor/entrypoint

FROM ${BASE_IMAGE}
COPY --from=build /opt/lictor /opt/lictor
RUN ln -s /opt/lictor/bin/lictor /usr/local/sbin/lictor && ln -s /opt/lictor/bin/lictor /usr/local/bin/lictor
HEALTHCHECK --interval=10s --timeout=3s CMD ["/opt/lictor/bin/lictor", "health"]
# Without a command it serves; it becomes nobody once port 53 is bound.
CMD ["/opt/lictor/bin/lictor"]
