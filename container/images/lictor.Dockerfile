# The image of lictor: the static program alone, in one layer. It runs as the user 65534, and /lictor can be copied into any other image.
# The build's context is the folder into which container/portable/build writes.
#
#   container/portable/build
#   docker build -t lictor -f container/images/lictor.Dockerfile build-portable
#
# VERSION is needed only if that folder has the programs of several versions. README.md beside this folder: both architectures in one image,
# port 53 without root, lictor in other images.

FROM scratch
ARG VERSION=*
# The engine sets it to the architecture of the image. A default here would win over that with BuildKit.
ARG TARGETARCH
COPY --chmod=755 lictor-${VERSION}-linux-${TARGETARCH} /lictor
# nobody, by number: there is no /etc/passwd. A name would also hide from an orchestrator that the image does not run as root.
USER 65534:65534
HEALTHCHECK --interval=10s --timeout=3s CMD ["/lictor", "health"]
ENTRYPOINT ["/lictor"]
