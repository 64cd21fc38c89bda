# The image: Node, the production packages and the program's JavaScript on a glibc base. It needs no capability, no root and
# no writable root file system: it listens on 5300 (map 53 to it) and keeps its state in the volume /var/lib/kennel.
#
#   docker build -t kennel .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 53:5300/udp -p 53:5300/tcp -v kennel:/var/lib/kennel kennel
#
# BUILD_BASE brings a Node with npm, any version since 20; BASE needs glibc 2.34 and libstdc++ (distroless/cc works too).
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim
ARG BASE=docker.io/library/debian:bookworm-slim

# JavaScript from the sources.
FROM ${BUILD_BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

# The packages that run, and the Node that runs them, without what only a developer reads.
FROM ${BUILD_BASE} AS packages
RUN command -v strip || (apt-get update && apt-get install -y --no-install-recommends binutils)
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
RUN mv node_modules/node-linux-*/bin/node /node && strip /node \
 && find node_modules/better-sqlite3/prebuilds -type f ! -name "linux-$(/node -p process.arch).node" -delete \
 && rm -rf node_modules/node-linux-* node_modules/.bin node_modules/node-addon-api node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
 && find node_modules -type f '(' -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' ')' -delete \
 && mkdir /state /links && ln -s /opt/kennel/bin/kennel.mjs /links/kennel

FROM ${BASE}
COPY --from=packages /node /usr/local/bin/node
COPY --from=packages /links /usr/local/bin
COPY --from=packages /packages/node_modules /opt/kennel/node_modules
COPY --from=build /build/dist /opt/kennel/dist
COPY package.json LICENSE /opt/kennel/
COPY bin /opt/kennel/bin
COPY --from=packages --chown=65532:65532 /state /var/lib/kennel

# The XDG state folder is the volume, so that the default configuration keeps its state there.
ENV NODE_ENV=production HOME=/var/lib/kennel XDG_STATE_HOME=/var/lib
WORKDIR /var/lib/kennel
VOLUME /var/lib/kennel
USER 65532:65532
EXPOSE 5300/udp 5300/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/node", "/opt/kennel/bin/kennel.mjs", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/node", "/opt/kennel/bin/kennel.mjs"]
CMD ["serve", "--listen", "0.0.0.0:5300", "--listen", "[::]:5300"]
