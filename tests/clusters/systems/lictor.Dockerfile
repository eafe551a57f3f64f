# Any system with the static lictor added, in the layout of the image of lictor: what container/images/application.Dockerfile starts from.

ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY program /opt/lictor/bin/lictor
COPY entrypoint /opt/lictor/entrypoint
RUN ln -s /opt/lictor/bin/lictor /usr/local/sbin/lictor && ln -s /opt/lictor/bin/lictor /usr/local/bin/lictor
