# The daemon's image. It is built by the step that `make build` is, so that what runs in it is what the tests ran.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="$VERSION" && install -d -m 0700 /out/state

FROM scratch
# For nats-server behind TLS; Telegram itself is spoken to with its own keys.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/natsgram /natsgram
COPY --from=build --chown=65532:65532 /out/state /var/lib/natsgram
USER 65532:65532
ENV NATSGRAM_STATE_DIR=/var/lib/natsgram
VOLUME /var/lib/natsgram
ENTRYPOINT ["/natsgram"]
CMD ["serve"]
