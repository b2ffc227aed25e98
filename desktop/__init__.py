"""The app: rules and memory in core, the outside world in engine, living objects in controllers, widgets in ui."""
