"""The window itself: its actions, views, notices, tray and settings."""
