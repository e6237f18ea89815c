#!/usr/bin/env bash
# umoci 0.5.1: `umoci gc` deletes config and layers of an image whose manifest has Docker's media type, and ends with 0.
#
# Expected: gc removes what nothing in index.json reaches; a manifest that it does not understand is an error before
# anything is deleted, as it is for `umoci stat` ("not implemented: application/vnd.docker.distribution.manifest.v2+json").
# Seen: of an OCI layout with such a manifest, which is listed in index.json under a name, the manifest alone is left. The
# same image with OCI's media types keeps all three files. OCI's layout allows any media type in index.json.
#
# Needs Go. The layout is written here: one layer of 10 KiB. Fails when the behaviour changes.
set -euo pipefail
version=${UMOCI:-v0.5.1}
folder=$(mktemp -d)
# Go's module cache is read-only: it is made writable to be removed.
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
export GOBIN=$folder/bin GOPATH=$folder/go GOCACHE=$folder/cache
go install "github.com/opencontainers/umoci/cmd/umoci@$version" 2>"$folder/go.log" ||
  { cat "$folder/go.log" >&2 && exit 1; }

layout() {
  python3 - "$folder/$1" "$2" "$3" "$4" <<'PYTHON'
import hashlib
import json
import sys
from pathlib import Path

root, (manifest_type, config_type, layer_type) = Path(sys.argv[1]), sys.argv[2:]
blobs = root / "blobs/sha256"
blobs.mkdir(parents=True)


def put(media_type, content):
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


layer = put(layer_type, bytes(10240))  # an empty tar archive
about = {"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
config = put(config_type, json.dumps(about).encode())
manifest = {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]}
named = {"annotations": {"org.opencontainers.image.ref.name": "kept"}}
index = {"schemaVersion": 2, "manifests": [put(manifest_type, json.dumps(manifest).encode()) | named]}
(root / "index.json").write_text(json.dumps(index))
(root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PYTHON
}

collected() {
  local before after code=0
  before=$(find "$folder/$1/blobs/sha256" -type f | wc -l)
  "$folder/bin/umoci" gc --layout "$folder/$1" >/dev/null 2>"$folder/said" || code=$?
  after=$(find "$folder/$1/blobs/sha256" -type f | wc -l)
  printf '%s: %s files, after gc %s, exit code %s\n' "$1" "$before" "$after" "$code"
}

oci=application/vnd.oci.image
docker=application/vnd.docker
layout oci $oci.manifest.v1+json $oci.config.v1+json $oci.layer.v1.tar
layout docker $docker.distribution.manifest.v2+json $docker.container.image.v1+json $docker.image.rootfs.diff.tar
seen=$(collected oci && collected docker)
printf 'umoci %s\n%s\n' "$version" "$seen"
[ "$seen" = "oci: 3 files, after gc 3, exit code 0
docker: 3 files, after gc 1, exit code 0" ] || { printf 'changed\n' >&2 && exit 1; }
