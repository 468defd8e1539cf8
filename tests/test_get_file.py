"""Downloads: hashes, cache, archives, refusals."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.loopback import serve, sha256
from tkeras.utils import _download, _extract, get_file


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with serve() as files:
        yield files


def tar(**members) -> bytes:
    """A tar.gz file of members: bytes, or a TarInfo as it is."""
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return image.getvalue()


def test_files_are_kept_and_checked(server, tmp_path, capsys) -> None:
    server["/a/words.txt"] = b"hello"
    options = {"origin": server.root + "/a/words.txt", "file_hash": sha256(b"hello")}
    path = get_file(**options)
    assert path == str(tmp_path / "home" / "datasets" / "words.txt")
    assert Path(path).read_bytes() == b"hello"
    assert "Downloading data from http" in capsys.readouterr().out
    get_file(**options)
    assert len(server.asked) == 1
    get_file(**options, force_download=True)
    assert len(server.asked) == 2
    with open(path, "wb") as file:
        file.write(b"hell")
    get_file(**options)
    assert Path(path).read_bytes() == b"hello"
    assert "seems to be incomplete or outdated" in capsys.readouterr().out
    other = get_file("other", **options, cache_subdir="models", cache_dir=tmp_path)
    assert other == str(tmp_path / "models" / "other")


def test_a_wrong_file_is_not_kept(server, tmp_path) -> None:
    server["/f"] = b"evil"
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        get_file(origin=server.root + "/f", file_hash=sha256(b"good"))
    assert not list((tmp_path / "home" / "datasets").iterdir())


def test_failures_say_where_the_file_goes(server, tmp_path) -> None:
    with pytest.raises(ConnectionError, match=r"URL fetch failure on .*404.*put it at .*datasets/gone"):
        get_file(origin=server.root + "/gone", file_hash=sha256(b""))
    with pytest.raises(ConnectionError, match="Connection refused"):
        get_file(origin="http://127.0.0.1:9/gone", file_hash=sha256(b""))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"origin": None}, 'specify the "origin"'),
        ({"origin": "file:///etc/passwd", "file_hash": "0" * 64}, "must be an https address"),
        ({"origin": "http://127.0.0.1:9/f"}, "must be an https address"),
        ({"origin": "http://127.0.0.1:9/f", "md5_hash": "0" * 32}, "must be an https address"),
        ({"origin": "https://127.0.0.1:9/f", "fname": "../f"}, "Paths are no longer accepted"),
        ({"origin": "https://127.0.0.1:9/"}, "Paths are no longer accepted"),
        ({"origin": "https://127.0.0.1:9/f", "file_hash": "00"}, "Expected an md5 or sha256"),
        ({"origin": "https://127.0.0.1:9/f", "hash_algorithm": "crc"}, "hash_algorithm=crc"),
    ],
)
def test_wrong_requests_are_explained(options, message, tmp_path) -> None:
    with pytest.raises(ValueError, match=message):
        get_file(cache_dir=tmp_path, **options)


def test_redirections_do_not_leave_https() -> None:
    import urllib.error
    import urllib.request

    handler = _download._SameSafety()
    request = urllib.request.Request("https://127.0.0.1/f")
    with pytest.raises(urllib.error.URLError, match="refused"):
        handler.redirect_request(request, None, 302, "", {}, "http://127.0.0.1/f")
    assert handler.redirect_request(request, None, 302, "", {}, "https://127.0.0.1/g").full_url.endswith("/g")


def test_redirections_are_followed(server) -> None:
    server["/new"] = b"x"
    server["/old"] = server.root + "/new"
    assert Path(get_file(origin=server.root + "/old", file_hash=sha256(b"x"))).read_bytes() == b"x"


@pytest.mark.parametrize(
    ("fname", "folder"), [("b.tar.gz", "b_extracted"), ("c", "c"), (None, "arch.tar.gz")]
)
def test_archives_go_where_keras_puts_them(server, tmp_path, fname, folder) -> None:
    content = server["/arch.tar.gz"] = tar(**{"inner/a.txt": b"1", "b.txt": b"2"})
    path = get_file(fname, server.root + "/arch.tar.gz", extract=True, file_hash=sha256(content))
    assert path == str(tmp_path / "home" / "datasets" / folder)
    assert (tmp_path / "home" / "datasets" / folder / "inner" / "a.txt").read_bytes() == b"1"
    get_file(fname, server.root + "/arch.tar.gz", untar=True, file_hash=sha256(content))
    assert len(server.asked) == 1
    with pytest.raises(ValueError, match="no archive of the kind 'zip'"):
        get_file(
            "z", server.root + "/arch.tar.gz", extract=True, file_hash=sha256(content), archive_format="zip"
        )


def link(kind, target) -> tarfile.TarInfo:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, target
    return info


def zipped(name, content=b"x", mode=0) -> bytes:
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)
    return image.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tar(**{"../out": b"x"}), "leads outside"),
        (tar(**{"/out": b"x"}), "leads outside"),
        (tar(**{"a/../../out": b"x"}), "leads outside"),
        (tar(l=link(tarfile.SYMTYPE, "/etc")), "no plain file"),
        (tar(l=link(tarfile.LNKTYPE, "../out")), "no plain file"),
        (tar(l=link(tarfile.FIFOTYPE, "")), "no plain file"),
        (zipped("../out"), "leads outside"),
        (zipped("c:\\out"), "leads outside"),
        (zipped("link", b"/etc", 0o120777), "no plain file"),
    ],
    ids=str.split("tar-up tar-root tar-through tar-symlink tar-hardlink tar-fifo zip-up zip-drive zip-symlink"),
)  # fmt: skip
def test_archives_that_reach_outside_are_refused(tmp_path, content, message) -> None:
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "archive"
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        _extract.extract_archive(archive, tmp_path / "in" / "folder")
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "archive"]


def test_bombs_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_extract, "_ALWAYS", 1000)
    (tmp_path / "a").write_bytes(zipped("zeros", bytes(200_000)))
    with pytest.raises(ValueError, match="expands to more than 100 times"):
        _extract.extract_archive(tmp_path / "a", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
