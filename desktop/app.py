"""placeholder"""


def open_window(home, example=False):
    raise NotImplementedError
