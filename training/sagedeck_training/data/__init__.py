"""From folders of pictures to the pixels that a network takes."""
