"""The web page: a chat whose plan fills in live, on the same server or by itself."""

from .app import mount_page

__all__ = ["mount_page"]
