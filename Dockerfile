# syntax=docker/dockerfile:1
# Two stages: wheels are built with pip's tools, the image that runs has none of them.

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/paperbot \
    && /opt/paperbot/bin/pip install --no-cache-dir . ./plugins/*/

FROM python:3.12-slim-bookworm
ENV PATH=/opt/paperbot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PAPERBOT_CACHE_DIR=/var/cache/paperbot
# A fixed number, so that a mounted state directory can be given to the same owner on the host.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin paperbot \
    && install -d -o paperbot -g paperbot /project /project/state /var/cache/paperbot
COPY --from=build /opt/paperbot /opt/paperbot
WORKDIR /project
COPY --chown=paperbot:paperbot paperbot.yaml policy.yaml universe.yaml ./
COPY --chown=paperbot:paperbot strategies.d strategies.d
USER 10001
# The journal; without a mounted volume it ends with the container.
VOLUME ["/project/state"]
# Signals reach the session itself, which then stops cleanly.
STOPSIGNAL SIGTERM
ENTRYPOINT ["paperbot"]
CMD ["run"]
