# The application node with dnsmasq in place of lictor, for comparisons only.

ARG APPLICATION_IMAGE=localhost/lictor-demo/application
FROM ${APPLICATION_IMAGE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends dnsmasq-base \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
CMD ["setup-1-dnsmasq"]
