"""The test image of the checks, drawn by arithmetic, so that no photograph is stored."""
import numpy as np


def picture():
    """A fixed picture u8 [300, 300, 3] made by integer arithmetic: a round clock face with two hands on a shaded wall."""
    y, x = np.mgrid[0:300, 0:300]
    image = np.stack([110 + x // 5, 90 + y // 5, 70 + (x + y) // 10], -1)
    distance = (x - 150) ** 2 + (y - 150) ** 2
    image[distance < 120 ** 2] = (60, 40, 30)
    image[distance < 108 ** 2] = (240, 238, 228)
    for hour in range(12):
        angle = hour * np.pi / 6
        image[(x - round(150 + 92 * np.sin(angle))) ** 2 + (y - round(150 - 92 * np.cos(angle))) ** 2 < 49] = (20, 20, 20)
    image[(abs(x - 150) < 4) & (y > 70) & (y < 155)] = (15, 15, 15)
    image[(abs(y - 150) < 5) & (x > 145) & (x < 210)] = (15, 15, 15)
    return image.astype(np.uint8)
