# The image of Taffrail: one program, no shell, not root. Build it from a clone: docker build -t taffrail:0.1.0 .
#
# What the program links besides itself is what distroless/cc has: glibc, libgcc, and nothing else. Both stages are of
# the same Debian release, since a program does not start on an older glibc than it was built with. A test holds all of
# that: daemon/taffrail/tests/taffrail/image.rs.

FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make cmake perl && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p taffrail && cp target/release/taffrail /taffrail

# It has certificates, time zones, and the user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /taffrail /usr/local/bin/taffrail
USER 65532:65532
EXPOSE 8420 8421
ENTRYPOINT ["/usr/local/bin/taffrail"]
